import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import t from 'tap';
import { exchange, RawClient, requestBytes } from '../client/index.ts';
import { startWeir } from '../process/index.ts';
import * as up from '../upstream/index.ts';

const root = resolve(import.meta.dirname, '../..');

function isHere(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise(done => server.close(done));
  return port;
}

/** The documented snippet inside the smallest server block that holds it. */
function nginxConfig(folder: string, port: number, weirPort: number): string {
  const snippet = readFileSync(join(root, 'deploy/nginx.conf'), 'utf8').replace(
    'http://127.0.0.1:8787',
    `http://127.0.0.1:${weirPort}`,
  );
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map(name => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  return `daemon off; pid ${folder}/pid; error_log stderr error; worker_processes 1;
events { worker_connections 64; }
http { access_log off; ${temporary} server { listen 127.0.0.1:${port}; ${snippet} } }`;
}

const skipNginx = isHere('nginx', '-v') ? false : 'nginx is not installed here';

t.test('behind nginx with the documented snippet', { skip: skipNginx }, async t => {
  const provider = await up.Upstream.start();
  t.teardown(() => provider.close());
  const weir = await startWeir(t, {
    config: { providers: { lab: { origin: provider.origin, dialect: 'openai', auth: 'none' } } },
  });
  const folder = mkdtempSync(join(tmpdir(), 'weir-nginx-'));
  const port = await freePort();
  writeFileSync(join(folder, 'nginx.conf'), nginxConfig(folder, port, weir.port));
  const nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { stdio: 'ignore' });
  t.teardown(async () => {
    const gone = new Promise(done => nginx.once('exit', done));
    nginx.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  });
  await reachable(port);

  await t.test('a stream arrives event by event', async t => {
    const gate = up.gate();
    provider.on('POST', '/v1/chat/completions', [
      up.head(200, [
        ['content-type', 'text/event-stream'],
        ['transfer-encoding', 'chunked'],
      ]),
      up.chunk('data: {"n":1}\n\n'),
      gate,
      up.chunk('data: [DONE]\n\n'),
      up.last(),
    ]);
    const client = await RawClient.connect(port);
    t.teardown(() => client.destroy());
    await client.send(
      requestBytes({
        method: 'POST',
        target: '/lab/v1/chat/completions',
        fields: [['session_id', 'abc']],
        body: '{"stream":true}',
      }),
    );
    const head = await client.expectHead();
    const body = client.body(head, 'POST');
    t.equal(
      String(await body.read()),
      'data: {"n":1}\n\n',
      'the first event is here before the second was sent',
    );
    gate.open();
    t.equal(String(await body.read()), 'data: [DONE]\n\n');
    const [request] = provider.requests;
    t.strictSame(request!.values('session_id'), ['abc'], 'names with an underscore pass');
  });

  await t.test('an upload larger than nginx would take by itself', async t => {
    provider.on('POST', '/v1/upload', up.respond(200, [], 'taken'));
    const answer = await exchange(port, {
      method: 'POST',
      target: '/lab/v1/upload',
      body: Buffer.alloc(3 << 20, 97),
    });
    t.equal(answer.status, 200);
  });
});

async function reachable(port: number): Promise<void> {
  for (;;) {
    try {
      (await RawClient.connect(port)).destroy();
      return;
    } catch {
      await new Promise(done => setImmediate(done));
    }
  }
}

t.test(
  'the systemd unit says nothing that systemd does not know',
  { skip: isHere('systemd-analyze', '--version') ? false : 'systemd-analyze is not installed here' },
  async t => {
    const checked = spawnSync('systemd-analyze', ['verify', '--man=no', join(root, 'deploy/weir.service')], {
      encoding: 'utf8',
    });
    const faults = checked.stderr.split('\n').filter(line => line.includes('weir.service'));
    t.strictSame(faults, []);
  },
);

t.test(
  'the image builds and runs as a user without rights',
  { skip: isHere('docker', 'info') ? false : 'no Docker engine runs here' },
  async t => {
    execFileSync('docker', ['build', '-t', 'weir-test', root], { stdio: 'ignore' });
    const user = execFileSync('docker', ['run', '--rm', '--entrypoint', 'id', 'weir-test', '-u'], {
      encoding: 'utf8',
    });
    t.not(user.trim(), '0');
    const version = execFileSync('docker', ['run', '--rm', 'weir-test', '--version'], { encoding: 'utf8' });
    t.match(version, /^\d+\.\d+\.\d+/);
  },
);
