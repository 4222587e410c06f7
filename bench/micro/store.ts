import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Dimension, openLedger, type StoreResult, type SummaryQuery } from '../../lib/store/index.ts';

/**
 * The store at many facts: `node bench/micro/store.ts [--facts 10000000]
 * [--subjects 1000] [--days 60]` from the checkout. Absolute figures are of this
 * machine; nothing else should run. The file is made in the temporary folder
 * (`TMPDIR`) and takes about 1.3 KB a fact.
 */
const { values: options } = parseArgs({
  options: {
    facts: { type: 'string', default: '1000000' },
    subjects: { type: 'string', default: '1000' },
    days: { type: 'string', default: '60' },
  },
});
const FACTS = Number(options.facts);
const SUBJECTS = Number(options.subjects);
const DAYS = Number(options.days);
const BATCH = 1000;
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 1);
const MODELS = ['small-1', 'small-2', 'large-1', 'large-2', 'embed-1'];

function factText(i: number): string {
  const subject = (i * 7919) % SUBJECTS;
  const model = MODELS[subject % MODELS.length];
  const inputTokens = 100 + (i % 9000);
  return JSON.stringify({
    v: 1,
    id: `bench:0123456789abcdef:${i + 1}`,
    time: new Date(START_MS + Math.floor((i / FACTS) * DAYS * DAY_MS)).toISOString(),
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
  print(
    `append ${FACTS} facts in batches of ${BATCH}`,
    `${tookS.toFixed(0)} s, ${Math.round(FACTS / tookS)} facts/s`,
  );
  const { size } = statSync(file);
  print('file', `${(size / 1e9).toFixed(2)} GB, ${Math.round(size / FACTS)} bytes a fact`);
}

/** The first of five is told too: what it reads may not be in memory yet. */
async function time(
  by: readonly Dimension[],
  filter: Omit<SummaryQuery, 'by' | 'limit'>,
  what = '',
): Promise<void> {
  const tookMs: number[] = [];
  let rows = 0;
  for (let round = 0; round < 5; round++) {
    const startedMs = performance.now();
    rows = must(await ledger.summary({ by, limit: 10_000, ...filter })).rows.length;
    tookMs.push(performance.now() - startedMs);
  }
  const [firstMs, bestMs] = [tookMs[0]!.toFixed(1), Math.min(...tookMs).toFixed(1)];
  print(`summary by ${by.join(',')}${what}`, `first ${firstMs} ms, best ${bestMs} ms, ${rows} rows`);
}

try {
  await fill();
  await time(['month', 'subject'], {});
  await time(['subject', 'model'], {});
  await time(['day', 'model'], {});
  await time(['provider'], {});
  await time(['day'], { subject: 'subject-5' }, ' of one subject');
  // As `--since 7d` asked at noon: half a day of facts, the rest from the running sums.
  const noonMs = START_MS + (DAYS - 7.5) * DAY_MS;
  await time(['subject', 'model'], { sinceMs: noonMs }, ' --since 7d');
  // Half a day at both ends.
  await time(['subject'], { sinceMs: noonMs - 7 * DAY_MS, untilMs: noonMs }, ' for 7 days from noon');
  const startedMs = performance.now();
  const { wrongSums } = must(await ledger.check());
  print('check', `${((performance.now() - startedMs) / 1000).toFixed(1)} s, ${wrongSums} wrong sums`);
} finally {
  await ledger.close();
  rmSync(folder, { recursive: true, force: true });
}
