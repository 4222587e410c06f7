import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { runMain, startMain } from '../../cli/run-main.ts';
import { within } from '../../deadline/index.ts';
import { read, root } from '../../house/tree.ts';
import { factTexts } from '../../store/fact-text.ts';
import { storeOf } from './stored.ts';

async function newKey(file: string): Promise<string> {
  const { stdout } = await runMain(['issuer', 'new', '--out', file, '--json']);
  return (JSON.parse(stdout) as { publicKey: string }).publicKey;
}

/** A signed export of October, in a folder of its own. */
async function signedExport(t: Test) {
  const { folder, config } = await storeOf(t, factTexts(1, 50, { time: '2026-10-20T10:00:00.000Z' }));
  const publicKey = await newKey(join(folder, 'bill.key'));
  const out = join(folder, 'october');
  const argv = ['usage', 'export', '-c', config, '--month', '2026-10', '--format', 'parquet', '--out', out];
  const { status, stdout } = await runMain([...argv, '--sign', join(folder, 'bill.key')]);
  t.equal(status, 0);
  t.match(stdout, `--key ${publicKey}\n`);
  const verify = (...more: string[]) => runMain(['usage', 'verify', out, ...more]);
  return { folder, out, publicKey, verify };
}

t.test('an export is what was signed', async t => {
  const { verify, publicKey } = await signedExport(t);
  const good = await verify('--key', publicKey);
  t.equal(good.status, 0);
  t.equal(good.stdout, 'ok  50 facts in 2 files\n');
  t.equal(good.stderr, '');
  const unnamed = await verify();
  t.equal(unnamed.status, 0);
  t.match(unnamed.stderr, 'no signature was checked');
  const script = await verify('--key', publicKey, '--json');
  t.strictSame(JSON.parse(script.stdout), { ok: true, signedBy: publicKey, faults: [] });
});

t.test('whatever differs is named', async t => {
  for (const [file, damage, problem] of [
    ['facts-0001.parquet', (path: string) => flipByte(path), 'has other contents'],
    ['facts-0001.parquet', (path: string) => truncateSync(path, 10), 'has 10 bytes'],
    ['facts-0001.parquet', (path: string) => rmSync(path), 'cannot be read'],
    ['summary.csv', (path: string) => appendFileSync(path, '\n'), 'bytes, not'],
    ['manifest.json', (path: string) => appendFileSync(path, '\n'), 'is not what was signed'],
    ['manifest.json', (path: string) => rmSync(path), 'cannot be read'],
    ['manifest.json', (path: string) => writeFileSync(path, '{}'), 'is no manifest'],
    ['manifest.json.sig', (path: string) => rmSync(path), 'nobody signed'],
    ['facts-0002.parquet', (path: string) => writeFileSync(path, 'x'), 'is not in the manifest'],
    ['summary.csv', (path: string) => linkTo('/dev/zero', path), 'is no file of its own'],
    ['summary.csv', (path: string) => linkTo(movedAside(path), path), 'is no file of its own'],
    ['manifest.json', (path: string) => linkTo('/dev/zero', path), 'cannot be read'],
  ] as const) {
    const { out, verify, publicKey } = await signedExport(t);
    damage(join(out, file));
    const { status, stdout } = await verify('--key', publicKey);
    t.equal(status, 1, `${file} ${problem}`);
    t.equal(stdout.split('\n').length, 2, 'one line');
    t.match(stdout, `wrong  ${file} `);
    t.match(stdout, problem);
  }
});

/** In the place of a file. */
function linkTo(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

/** Elsewhere, where it may become another after it was verified. */
function movedAside(path: string): string {
  const elsewhere = join(dirname(path), '..', 'elsewhere.csv');
  renameSync(path, elsewhere);
  return elsewhere;
}

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[100]! ^= 1;
  writeFileSync(path, bytes);
}

t.test('another key, or a name that leads elsewhere', async t => {
  const { folder, out, verify } = await signedExport(t);
  const other = await newKey(join(folder, 'other.key'));
  const wrong = await verify('--key', other);
  t.equal(wrong.status, 1);
  t.equal(wrong.stdout, 'wrong  manifest.json is not what was signed with this key\n');
  t.equal((await verify('--key', 'k4.public.AQ')).status, 2);
  // Small order: anybody could sign under it.
  t.equal((await verify('--key', `k4.public.AQ${'A'.repeat(41)}`)).status, 2);
  const manifest = readFileSync(join(out, 'manifest.json'), 'utf8');
  writeFileSync(join(out, 'manifest.json'), manifest.replace('facts-0001.parquet', '../bill.key'));
  const led = await verify();
  t.equal(led.status, 1);
  t.match(led.stdout, 'is no manifest');
});

t.test('a damaged signing key signs nothing: its seed would be given away', async t => {
  const { folder, config } = await storeOf(t, []);
  await newKey(join(folder, 'a.key'));
  await newKey(join(folder, 'b.key'));
  const halves = ['a.key', 'b.key'].map(name =>
    Buffer.from(readFileSync(join(folder, name), 'utf8').trim().slice('k4.secret.'.length), 'base64url'),
  );
  const mixed = Buffer.concat([halves[0]!.subarray(0, 32), halves[1]!.subarray(32)]);
  const file = join(folder, 'mixed.key');
  writeFileSync(file, `k4.secret.${mixed.toString('base64url')}\n`, { mode: 0o600 });
  const argv = ['usage', 'export', '-c', config, '--out', join(folder, 'out'), '--sign', file];
  const { status, stderr } = await runMain(argv);
  t.equal(status, 2);
  t.match(stderr, 'damaged');
});

const TOOLS = ['openssl', 'jq', 'sha256sum'];

function toolsMissing(): string | false {
  for (const tool of TOOLS) {
    try {
      execFileSync('sh', ['-c', `command -v ${tool}`]);
    } catch {
      return `the program ${tool} is not installed`;
    }
  }
  return false;
}

t.test('what the docs show verifies an export, and refuses another', { skip: toolsMissing() }, async t => {
  const section = read('docs/exports.md').split('## Verify without Weir')[1]!;
  const script = /```sh\n(.*?)```/s.exec(section)![1]!;
  const { folder, out, publicKey } = await signedExport(t);
  const shown = script.replace(/k4\.public\.[\w-]{43}/, publicKey);
  t.not(shown, script);
  const run = () => execFileSync('sh', ['-ec', shown], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  t.equal(run(), 'Signature Verified Successfully\nfacts-0001.parquet: OK\nsummary.csv: OK\n');
  flipByte(join(out, 'facts-0001.parquet'));
  t.throws(run, 'another file');
  flipByte(join(out, 'facts-0001.parquet'));
  run();
  flipByte(join(out, 'manifest.json'));
  t.throws(run, 'another manifest');
});

t.test('an export that is interrupted leaves nothing', async t => {
  const { folder, config } = await storeOf(t, factTexts(1, 6000));
  const before = readdirSync(folder).sort();
  for (const out of ['out', 'out.parquet']) {
    const argv = ['usage', 'export', '-c', config, '--out', join(folder, out)];
    const { stderr, signals, status } = startMain(argv, { isTty: true });
    await stderr.changes.until(() => /\d facts/.test(stderr.text), 'the first page');
    signals.emit('SIGINT');
    t.equal(await status, 130);
    t.match(stderr.text, 'interrupted');
    t.strictSame(readdirSync(folder).sort(), before);
  }
});

t.test('an export that is killed leaves nothing that looks whole', async t => {
  const { folder, config } = await storeOf(t, factTexts(1, 30_000));
  const out = join(folder, 'out');
  const argv = [
    join(root, 'bin/weir.ts'),
    'usage',
    'export',
    '-c',
    config,
    '--format',
    'parquet',
    '--out',
    out,
  ];
  const child = spawn(process.execPath, argv, { stdio: 'ignore' });
  const exit = once(child, 'exit');
  const draft = (): string | undefined =>
    readdirSync(folder).find(name => name.startsWith('.out.unfinished-'));
  while (draft() === undefined && child.exitCode === null)
    await new Promise(resolve => setImmediate(resolve));
  t.ok(draft(), 'it was at work');
  child.kill('SIGKILL');
  await within(exit, 'its end');
  t.notOk(readdirSync(folder).includes('out'));
  t.notOk(readdirSync(join(folder, draft()!)).includes('manifest.json'));
  const { status } = await runMain(['usage', 'export', '-c', config, '--out', out]);
  t.equal(status, 0, 'and does not stand in the way');
});

t.test('a reader of stdout that leaves early is no failure', async t => {
  const { config } = await storeOf(t, factTexts(1, 20_000));
  for (const format of ['csv', 'ndjson']) {
    const argv = [join(root, 'bin/weir.ts'), 'usage', 'export', '-c', config, '--format', format];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += String(chunk);
    });
    const exit = once(child, 'exit');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    t.strictSame(await within(exit, 'its end'), [0, null]);
    t.equal(said, '');
  }
});
