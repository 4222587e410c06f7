import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { mintKey, newIssuer } from '../../lib/keys/token/mint.ts';

/*
 * What a flood of forged keys does to those who have good ones: the time of
 * good requests, sent at a steady pace, without a flood, with one from a single
 * address, and with one from ten thousand.
 */

const ROOT = resolve(import.meta.dirname, '../..');
const SECONDS = Number(process.argv[2] ?? 8);
const PER_SECOND = 200;
const ANSWER = JSON.stringify({ usage: { prompt_tokens: 9, completion_tokens: 9 } });

const issuer = newIssuer();
const mint = (): string =>
  mintKey(issuer.secretKey, { subject: 'bench', expires: new Date(Date.now() + 3_600_000) });

const upstream = createServer((req, res) => {
  req.resume();
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length });
  res.end(ANSWER);
}).listen(0, '127.0.0.1');
await once(upstream, 'listening');

const folder = mkdtempSync(join(tmpdir(), 'weir-flood-'));
const config = join(folder, 'weir.yaml');
writeFileSync(
  config,
  JSON.stringify({
    listen: { port: 0 },
    providers: {
      openai: { origin: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, keys: ['env:POOL'] },
    },
    auth: { issuers: [{ publicKey: issuer.publicKey }] },
  }),
);
const weir = spawn(process.execPath, [join(ROOT, 'bin/weir.ts'), 'serve', '--config', config], {
  env: { ...process.env, POOL: 'sk-bench' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const lines = createInterface({ input: weir.stdout });
const [first] = (await once(lines, 'line')) as [string];
const port = Number(/:(\d+)$/.exec(first)![1]);

const agent = new Agent({ keepAlive: true });
const keys = Array.from({ length: 50 }, mint);

function timed(key: string): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolveTime, reject) => {
    const req = request(
      {
        agent,
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/openai/v1/chat/completions',
        headers: { authorization: `Bearer ${key}`, 'content-length': 2 },
      },
      res => {
        if (res.statusCode !== 200) reject(new Error(`a good key was answered ${res.statusCode}`));
        res.resume();
        res.on('end', () => resolveTime(performance.now() - startedMs));
      },
    );
    req.on('error', reject);
    req.end('{}');
  });
}

/** Times of good requests, started on time whatever the answers do. */
async function paced(seconds: number): Promise<number[]> {
  const times: Promise<number>[] = [];
  const startMs = performance.now();
  for (let i = 0; i < seconds * PER_SECOND; i++) {
    const dueMs = startMs + (i * 1000) / PER_SECOND;
    while (performance.now() < dueMs) await new Promise(done => setTimeout(done, 1));
    times.push(timed(keys[i % keys.length]!));
  }
  return (await Promise.all(times)).sort((a, b) => a - b);
}

interface Row {
  readonly name: string;
  readonly times: readonly number[];
  readonly forgedPerSecond: number;
}

async function under(name: string, addresses: number): Promise<Row> {
  // The least urgent program of the machine: what is measured is the gateway, not the measuring.
  const program = [process.execPath, join(import.meta.dirname, 'flooder.ts')];
  const flooder = spawn('nice', ['-n', '19', ...program, String(port), String(addresses), mint()], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let sent = 0;
  flooder.on('message', count => {
    sent = count as number;
  });
  await once(flooder, 'message');
  const before = sent;
  const times = await paced(SECONDS);
  const forgedPerSecond = (sent - before) / SECONDS;
  flooder.kill();
  await once(flooder, 'exit');
  return { name, times, forgedPerSecond };
}

await Promise.all(keys.map(timed));
await paced(2);
const idle: Row = { name: 'no flood', times: await paced(SECONDS), forgedPerSecond: 0 };
const rows = [
  idle,
  await under('forged keys, 1 address', 1),
  await under('forged keys, 10,000 addresses', 10_000),
];

const at = (times: readonly number[], q: number): number => times[Math.floor((times.length - 1) * q)]!;
console.log(`${PER_SECOND} good requests a second, keys seen before; ${SECONDS} s each\n`);
console.log('|  | forged a second | p50 ÷ no flood | p99 ÷ no flood |\n|---|---|---|---|');
for (const { name, times, forgedPerSecond } of rows) {
  const [p50, p99] = [0.5, 0.99].map(q => (at(times, q) / at(idle.times, q)).toFixed(2));
  console.log(`| ${name} | ${Math.round(forgedPerSecond)} | ${p50} | ${p99} |`);
}
weir.kill();
await once(weir, 'exit');
upstream.close();
upstream.closeAllConnections();
agent.destroy();
rmSync(folder, { recursive: true, force: true });
