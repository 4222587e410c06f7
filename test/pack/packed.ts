// Packs the library, installs the tarball into empty folders and runs it there
// as a user would: the binary and the embedding example, on each supported Node.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const NODES = ['24.21.0', '26.10.0'];
const START_MS = 20_000;

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'weir-packed-'));

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Starts a program, waits for the address it prints, and gives address and end. */
async function serve(node: string, cwd: string, args: string[]) {
  const child = spawn(node, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
    if (url === undefined) continue;
    clearTimeout(timer);
    const stop = async (): Promise<void> => {
      child.kill('SIGINT');
      child.kill('SIGTERM');
      await once(child, 'exit');
    };
    return { url, stop };
  }
  throw new Error(`${args.join(' ')} ended before it listened:\n${output}`);
}

async function ask(url: string, key = 'any'): Promise<void> {
  const answer = await fetch(`${url}/demo/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'demo', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
  });
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /data: \[DONE\]/);
}

/** The part of the package that needs no Node, as its users import it. */
const MINT = `
import { mintKey, newIssuer } from 'weir-gateway/mint';
const { publicKey, secretKey } = newIssuer();
const key = mintKey(secretKey, { subject: 'pack', expires: new Date(Date.now() + 3_600_000) });
console.log(JSON.stringify({ publicKey, key }));
`;

async function tryOn(version: string, tarball: string): Promise<void> {
  const cwd = join(folder, `node-${version}`);
  mkdirSync(cwd);
  writeFileSync(
    join(cwd, 'package.json'),
    JSON.stringify({ private: true, type: 'module', allowScripts: { node: true } }),
  );
  npm(cwd, 'install', '--no-audit', '--no-fund', '--silent', `node@${version}`, tarball);
  const node = join(cwd, 'node_modules/.bin/node');
  assert.equal(execFileSync(node, ['--version'], { encoding: 'utf8' }).trim(), `v${version}`);
  const text = execFileSync(node, ['--input-type=module', '-e', MINT], { cwd, encoding: 'utf8' });
  const { publicKey, key } = JSON.parse(text) as { publicKey: string; key: string };
  // Every part that is loaded only where config asks for it.
  const config = {
    listen: { port: 0 },
    ops: { port: 0 },
    providers: { demo: {} },
    auth: { issuers: [{ publicKey }] },
    deny: {},
    usage: {},
  };
  writeFileSync(join(cwd, 'weir.yaml'), JSON.stringify(config));
  const binary = await serve(node, cwd, ['node_modules/.bin/weir', 'serve', '--config', 'weir.yaml']);
  await ask(binary.url, key);
  await binary.stop();
  copyFileSync(join(root, 'docs/examples/embed.ts'), join(cwd, 'embed.ts'));
  const example = await serve(node, cwd, ['embed.ts', '0']);
  await ask(example.url);
  assert.equal(await (await fetch(`${example.url}/hello`)).text(), 'a route of this service\n');
  await example.stop();
  console.log(`ok: the tarball works on Node ${version}`);
}

try {
  const [packed] = JSON.parse(npm(root, 'pack', '--json', '--silent', '--pack-destination', folder)) as [
    { filename: string; files: { path: string }[] },
  ];
  const paths = packed.files.map(({ path }) => path);
  assert.ok(paths.includes('dist/lib/index.d.ts') && paths.includes('providers/demo.yaml'));
  assert.deepEqual(
    paths.filter(path => /^(?:test|bench|lib|bin)\//.test(path)),
    [],
    'sources and tests stay home',
  );
  assert.match(readFileSync(join(root, 'dist/bin/weir.js'), 'utf8'), /^#!/);
  for (const version of NODES) await tryOn(version, join(folder, packed.filename));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
