import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Dimension, openLedger, type StoreResult, type SummaryQuery } from '../../lib/store/index.ts';

/**
 * The store at a million facts: `node bench/micro/store.ts [facts] [subjects]`
 * from the checkout. Absolute figures are of this machine; nothing else should
 * run. The file is made in the temporary folder and takes about 1.3 KB a fact.
 */
const FACTS = Number(process.argv[2] ?? 1_000_000);
const SUBJECTS = Number(process.argv[3] ?? 1000);
const BATCH = 1000;
const DAYS = 60;
const START_MS = Date.UTC(2026, 0, 1);
const MODELS = ['small-1', 'small-2', 'large-1', 'large-2', 'embed-1'];

function factText(i: number): string {
  const subject = (i * 7919) % SUBJECTS;
  const model = MODELS[subject % MODELS.length];
  const inputTokens = 100 + (i % 9000);
  return JSON.stringify({
    v: 1,
    id: `bench:0123456789abcdef:${i + 1}`,
    time: new Date(START_MS + Math.floor((i / FACTS) * DAYS * 86_400_000)).toISOString(),
    kind: 'request',
    requestId: `weir-0123456789abcdef-${i}`,
    upstreamRequestId: `req_${i}`,
    subject: `subject-${subject}`,
    keyId: `key-${subject}`,
    auth: 'virtual',
    tags: { team: `team-${subject % 20}` },
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
    outputTokens: i % 700,
    cachedInputTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
    audioTokens: null,
    measures: { totalTokens: inputTokens + (i % 700) },
    usageSource: 'provider',
    usageNote: null,
    costNanos: inputTokens * 250,
    costSource: 'price',
    priceVersion: '2026-01-01',
    route: { name: null, target: null, reason: null, arm: null, role: null },
    attempts: 1,
    poolKey: 'a',
    queueMs: 0,
    ttfbMs: 400,
    durationMs: 2000,
    requestBytes: 2000,
    responseBytes: 9000,
    refusals: null,
  });
}

function must<T>(result: StoreResult<T>): T {
  if (!result.ok) throw new Error(result.problem);
  return result.value;
}

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-store-'));
const file = join(folder, 'weir.db');
const ledger = openLedger(`sqlite:${file}`);
const print = (what: string, figure: string): void => console.log(`${what.padEnd(52)} ${figure}`);

async function fill(): Promise<void> {
  const startedMs = performance.now();
  for (let i = 0; i < FACTS; i += BATCH) {
    const texts = Array.from({ length: Math.min(BATCH, FACTS - i) }, (_, j) => factText(i + j));
    must(await ledger.append(texts, [{ sink: 'store', place: 'bench', position: i }]));
  }
  const tookS = (performance.now() - startedMs) / 1000;
  print(`append ${FACTS} facts in batches of ${BATCH}`, `${Math.round(FACTS / tookS)} facts/s`);
  print('file', `${Math.round(statSync(file).size / FACTS)} bytes a fact`);
}

async function time(by: readonly Dimension[], filter: Omit<SummaryQuery, 'by' | 'limit'>): Promise<void> {
  let bestMs = Number.POSITIVE_INFINITY;
  let rows = 0;
  for (let round = 0; round < 5; round++) {
    const startedMs = performance.now();
    rows = must(await ledger.summary({ by, limit: 10_000, ...filter })).rows.length;
    bestMs = Math.min(bestMs, performance.now() - startedMs);
  }
  print(`summary by ${by.join(',')} ${JSON.stringify(filter)}`, `${bestMs.toFixed(1)} ms for ${rows} rows`);
}

try {
  await fill();
  await time(['month', 'subject'], {});
  await time(['subject', 'model'], {});
  await time(['day', 'model'], {});
  await time(['provider'], {});
  await time(['day'], { subject: 'subject-5' });
  const midday = START_MS + 20.5 * 86_400_000;
  await time(['subject'], { sinceMs: midday, untilMs: midday + 7 * 86_400_000 });
  const startedMs = performance.now();
  const { wrongSums } = must(await ledger.check());
  print('check', `${((performance.now() - startedMs) / 1000).toFixed(1)} s, ${wrongSums} wrong sums`);
} finally {
  await ledger.close();
  rmSync(folder, { recursive: true, force: true });
}
