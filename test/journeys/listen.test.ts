import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import { exchange } from '../client/index.ts';
import { startWeir } from '../process/index.ts';
import { selfSigned } from '../upstream/index.ts';

const DEMO = { demo: {} };
const QUESTION = {
  method: 'POST',
  target: '/demo/v1/chat/completions',
  body: '{"model":"demo","messages":[]}',
};

const certificate = selfSigned();

t.test('TLS', { skip: certificate === null ? 'openssl is not installed here' : false }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'cert.pem'), certificate!.cert);
  writeFileSync(join(folder, 'key.pem'), certificate!.key, { mode: 0o600 });
  const tls = { cert: `file:${join(folder, 'cert.pem')}`, key: `file:${join(folder, 'key.pem')}` };
  const weir = await startWeir(t, { config: { providers: DEMO, listen: { tls } } });
  t.match(weir.output, /https:\/\/127\.0\.0\.1:\d+/);
  const answer = await exchange({ tlsPort: weir.port }, QUESTION);
  t.equal(answer.status, 200);
  t.match(String(answer.body), /"chat\.completion"/);
  t.equal((await exchange({ tlsPort: weir.port }, { target: '/health' })).status, 200);
  t.notOk(weir.output.includes('PRIVATE KEY'));
  await t.test(
    'a renewed certificate is taken over by a reload, one that fits no key is refused',
    async t => {
      const fingerprint = () =>
        new Promise<string>((resolve, reject) => {
          const socket = connect({ port: weir.port, rejectUnauthorized: false }, () => {
            resolve(socket.getPeerX509Certificate()!.fingerprint256);
            socket.destroy();
          }).on('error', reject);
        });
      const first = await fingerprint();
      const renewed = selfSigned()!;
      writeFileSync(join(folder, 'cert.pem'), renewed.cert);
      weir.signal('SIGHUP');
      await weir.line(({ text }) => text.includes('cannot be used'), 'that the pair does not fit');
      t.equal(await fingerprint(), first);
      writeFileSync(join(folder, 'key.pem'), renewed.key, { mode: 0o600 });
      weir.signal('SIGHUP');
      await weir.line(({ text }) => /^reload|reloaded/i.test(text), 'that it reloaded');
      t.equal(await fingerprint(), new X509Certificate(renewed.cert).fingerprint256);
    },
  );
  await t.test('a key that others can read is worth a warning', async t => {
    chmodSync(join(folder, 'key.pem'), 0o644);
    const loose = await startWeir(t, { config: { providers: DEMO, listen: { tls } } });
    t.match(loose.output, /listen\.tls\.key/);
  });
});

t.test('a unix socket', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-unix-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'weir.sock');
  const weir = await startWeir(t, { config: { providers: DEMO, listen: { path } } });
  t.ok(statSync(path).isSocket());
  t.equal((await exchange(path, QUESTION)).status, 200);
  await weir.stop('SIGINT');
  t.throws(() => statSync(path), { code: 'ENOENT' }, 'it is gone afterwards');
});

t.test('a unix socket that a killed process left behind is taken over', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-unix-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'weir.sock');
  const config = { providers: DEMO, listen: { path } };
  const killed = await startWeir(t, { config });
  await killed.stop('SIGKILL');
  const weir = await startWeir(t, { config });
  t.equal((await exchange(path, QUESTION)).status, 200);
  const second = await startWeir(t, { config, waitForAddress: false });
  t.equal((await second.exited()).code, 1, 'one that is served is not');
  t.equal((await exchange(path, QUESTION)).status, 200);
  await weir.stop();
});

t.test('a port in use is told with what to do', async t => {
  const other = createServer();
  await new Promise<void>(done => other.listen(0, '127.0.0.1', done));
  t.teardown(() => other.close());
  const { port } = other.address() as { port: number };
  const weir = await startWeir(t, { config: { providers: DEMO, listen: { port } }, waitForAddress: false });
  t.equal((await weir.exited()).code, 1);
  t.match(weir.stderr, new RegExp(`${port}`));
  t.match(weir.stderr, /another program listens there/);
});

t.test('an open door must be meant', async t => {
  const refused = async (config: object, env: Record<string, string> = {}): Promise<string> => {
    const weir = await startWeir(t, {
      config: config as Record<string, unknown>,
      env,
      waitForAddress: false,
    });
    t.equal((await weir.exited()).code, 2);
    return weir.stderr;
  };
  t.match(await refused({ listen: { host: '0.0.0.0' } }), /listen\.host.*auth\.staticKeys/s);
  const keys = { providers: { openai: { keys: ['env:K'] } } };
  const told = await refused(keys, { K: 'sk-canary-of-the-pool' });
  t.match(told, /weir\.yaml:\d+:\d+: providers\.openai\.keys.*auth\.open/s);
  t.notOk(told.includes('canary'));
  const open = await startWeir(t, {
    config: { ...keys, auth: { open: true } },
    env: { K: 'sk-canary-of-the-pool' },
  });
  t.ok(open.port > 0);
});
