import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Secret } from '../../lib/base/index.ts';
import { openLedger } from '../../lib/store/index.ts';
import { runArchiveJob } from '../../lib/usage/archive/archive-job.ts';
import { EXPORT_FORMATS, type ExportFormat, writeExport } from '../../lib/usage/index.ts';
import { periodOf } from '../../lib/usage/periods/period.ts';

/**
 * Exports of a million facts: `node bench/micro/exports.ts [facts]` from the
 * checkout. Time and memory of each format in a process of its own, then how
 * long the loop of a process stands still while it ships the same to a bucket.
 * Absolute figures are of this machine; nothing else should run.
 */
const BATCH = 5000;
const START_MS = Date.UTC(2026, 9, 1);
const STEP_MS = 2;

function factText(i: number): string {
  const inputTokens = 100 + ((i * 31) % 9000);
  const model = `model-${i % 5}`;
  return JSON.stringify({
    v: 1,
    id: `bench:0123456789abcdef:${i + 1}`,
    time: new Date(START_MS + i * STEP_MS).toISOString(),
    kind: 'request',
    requestId: `weir-0123456789abcdef-${i}`,
    upstreamRequestId: `req_${(i * 2_654_435_761) % 4_294_967_296}`,
    subject: `subject-${i % 1000}`,
    keyId: `key-${i % 1000}`,
    auth: 'virtual',
    tags: { team: `team-${i % 20}` },
    provider: 'lab',
    dialect: 'openai-chat',
    operation: 'chat',
    method: 'POST',
    path: '/v1/chat/completions',
    status: 200,
    outcome: 'complete',
    errorCode: null,
    stream: true,
    modelRequested: model,
    modelServed: model,
    finishReason: 'stop',
    inputTokens,
    outputTokens: (i * 17) % 700,
    cachedInputTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
    audioTokens: null,
    measures: {},
    usageSource: 'provider',
    usageNote: null,
    costNanos: inputTokens * 250,
    costSource: 'price',
    priceVersion: '2026-01-01',
    route: { name: null, target: null, reason: null, arm: null, role: null },
    attempts: 1,
    poolKey: 'a',
    queueMs: 0,
    ttfbMs: (i * 7) % 900,
    durationMs: (i * 13) % 20_000,
    requestBytes: (i * 997) % 60_000,
    responseBytes: (i * 991) % 20_000,
    refusals: null,
  });
}

async function fill(url: `sqlite:${string}`, facts: number): Promise<void> {
  const ledger = openLedger(url);
  for (let at = 0; at < facts; at += BATCH) {
    const texts = Array.from({ length: Math.min(BATCH, facts - at) }, (_, i) => factText(at + i));
    const result = await ledger.append(texts, []);
    if (!result.ok) throw new Error(result.problem);
  }
  await ledger.close();
}

/** One export, alone in its process. */
async function exportOnce(url: `sqlite:${string}`, format: ExportFormat, folder: string): Promise<void> {
  const ledger = openLedger(url, { readOnly: true });
  const startMs = performance.now();
  const result = await writeExport(folder, {
    ledger,
    filter: {},
    format,
    nowMs: Date.now(),
    graceMs: 0,
    periodName: null,
    signingKey: null,
  });
  if (!result.ok) throw new Error(result.problem);
  const seconds = (performance.now() - startMs) / 1000;
  await ledger.close();
  const bytes = result.manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const megabytes = (count: number): string => `${Math.round(count / 1e6)} MB`;
  const peak = megabytes(process.resourceUsage().maxRSS * 1024);
  console.log(`${format}: ${seconds.toFixed(1)} s, ${megabytes(bytes)} written, at most ${peak} of memory`);
}

/** A bucket that takes everything and keeps nothing but what is read back. In a thread, so that it does not count. */
function serveBucket(): void {
  const kept = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const keeps = request.url!.includes('manifest');
    request.on('data', (chunk: Buffer) => keeps && chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'PUT') kept.set(request.url!, Buffer.concat(chunks));
      const object = request.method === 'GET' ? kept.get(request.url!) : undefined;
      response.writeHead(request.method === 'PUT' || object !== undefined ? 200 : 404).end(object);
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort!.postMessage((server.address() as AddressInfo).port));
}

const ms = (nanos: number): string => `${(nanos / 1e6).toFixed(1)} ms`;
const IDLE_MS = 10_000;

/** How late the loop is where nothing happens: what the machine adds. */
async function idleOnce(): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await new Promise(resolve => setTimeout(resolve, IDLE_MS));
  delay.disable();
  console.log(
    `idle: delay p50 ${ms(delay.percentile(50))}, p99 ${ms(delay.percentile(99))}, max ${ms(delay.max)}`,
  );
}

async function archiveOnce(store: `sqlite:${string}`, folder: string, format: ExportFormat): Promise<void> {
  const bucket = new Worker(new URL(import.meta.url));
  const port = await new Promise<number>(resolve => bucket.once('message', resolve));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const before = performance.eventLoopUtilization();
  const startMs = performance.now();
  const result = await runArchiveJob(
    {
      store,
      period: periodOf('month', START_MS),
      settings: {
        s3: {
          endpoint: `http://127.0.0.1:${port}`,
          region: 'x',
          bucket: 'bench',
          prefix: '',
          accessKeyId: new Secret('x'),
          secretAccessKey: new Secret('y'),
          pathStyle: true,
        },
        every: 'month',
        format,
        folder,
      },
      nowMs: Date.now(),
      graceMs: 0,
    },
    new AbortController().signal,
  );
  delay.disable();
  const seconds = (performance.now() - startMs) / 1000;
  await bucket.terminate();
  if (!result.ok) throw new Error(result.problem);
  const { utilization } = performance.eventLoopUtilization(before);
  console.log(
    `archive ${format}: ${seconds.toFixed(1)} s; the loop of the process: busy ${(utilization * 100).toFixed(2)} %, ` +
      `delay p50 ${ms(delay.percentile(50))}, p99 ${ms(delay.percentile(99))}, max ${ms(delay.max)}`,
  );
}

async function main(): Promise<void> {
  const [mode = '1000000', url, format, folder] = process.argv.slice(2);
  if (mode === 'export') {
    await exportOnce(url as `sqlite:${string}`, format as ExportFormat, folder!);
    return;
  }
  const facts = Number(mode);
  const place = mkdtempSync(join(tmpdir(), 'weir-exports-'));
  try {
    const store = `sqlite:${join(place, 'weir.db')}` as const;
    await fill(store, facts);
    console.log(`${facts} facts in ${Math.round(statSync(join(place, 'weir.db')).size / 1e6)} MB`);
    for (const each of EXPORT_FORMATS) {
      const argv = [import.meta.filename, 'export', store, each, join(place, each)];
      spawnSync(process.execPath, argv, { stdio: 'inherit' });
    }
    mkdirSync(join(place, 'archive'));
    await idleOnce();
    for (const each of EXPORT_FORMATS) await archiveOnce(store, join(place, 'archive'), each);
  } finally {
    rmSync(place, { recursive: true });
  }
}

if (isMainThread) await main();
else serveBucket();
