import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { checkPublicKey } from '../../lib/keys/token/public-key.ts';
import { runMain } from './run-main.ts';

t.test('the secret goes to a file that only its owner can read, the public half to the screen', async t => {
  const out = join(t.testdir({}), 'issuer.key');
  const { status, stdout, stderr } = await runMain(['issuer', 'new', '--out', out]);
  t.equal(status, 0);
  t.equal(stderr, '');
  t.equal(statSync(out).mode & 0o777, 0o600);
  const secret = readFileSync(out, 'utf8');
  t.match(secret, /^k4\.secret\.[\w-]{86}\n$/);
  t.notOk(stdout.includes(secret.trim()), 'the secret is not shown');

  const lines = stdout.split('\n');
  const start = lines.indexOf('auth:');
  const config = parse(lines.slice(start, lines.indexOf('', start)).join('\n')) as {
    auth: { issuers: { publicKey: string }[] };
  };
  const { publicKey } = config.auth.issuers[0]!;
  t.equal(checkPublicKey(publicKey), null);
  t.ok(lines.some(line => line.startsWith('public key') && line.endsWith(publicKey)));

  const command = lines.find(line => line.includes('key mint'))!;
  const minted = await runMain(command.split(' ').slice(1));
  t.equal(minted.status, 0, 'the command that it shows works');
  const seen = await runMain(['key', 'inspect', minted.stdout.trim(), '--public-key', publicKey]);
  t.equal(seen.status, 0);
  t.match(seen.stdout, /signature +good/);
});

t.test('as JSON', async t => {
  const out = join(t.testdir({}), 'issuer.key');
  const { stdout } = await runMain(['issuer', 'new', '-o', out, '--json']);
  const report = JSON.parse(stdout) as Record<string, string>;
  t.strictSame(Object.keys(report), ['id', 'publicKey', 'file']);
  t.equal(report.file, out);
  t.match(report.id, /^k4\.pid\.[\w-]{44}$/);
  t.equal(checkPublicKey(report.publicKey!), null);
});

t.test('a file that is there stays as it is', async t => {
  const out = join(t.testdir({}), 'issuer.key');
  writeFileSync(out, 'precious', { mode: 0o644 });
  const { status, stdout, stderr } = await runMain(['issuer', 'new', '--out', out]);
  t.equal(status, 1);
  t.equal(stdout, '', 'a public key without its secret is shown to nobody');
  t.match(stderr, /issuer\.key is there already, and a key is never overwritten/);
  t.equal(readFileSync(out, 'utf8'), 'precious');
});

t.test('places where no file can be made', async t => {
  const folder = t.testdir({});
  const missing = await runMain(['issuer', 'new', '--out', join(folder, 'no', 'issuer.key')]);
  t.equal(missing.status, 1);
  t.match(missing.stderr, /folder does not exist/);
  chmodSync(folder, 0o755);
  t.notOk(existsSync(join(folder, 'no')));
});

t.test('a command line that says too little is exit 2', async t => {
  const bare = await runMain(['issuer', 'new']);
  t.equal(bare.status, 2);
  t.match(bare.stderr, /--out/);
  t.equal((await runMain(['issuer'])).status, 2);
  t.equal((await runMain(['issuer', 'old'])).status, 2);
});
