import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Fingerprint, FingerprintTable, systemClock } from '../../lib/base/index.ts';
import type { Bus, KvBucket, KvEntry } from '../../lib/bus/index.ts';
import { DenyGate } from '../../lib/keys/deny/deny-gate.ts';
import { DenyLookup } from '../../lib/keys/deny/deny-lookup.ts';
import { DenySet } from '../../lib/keys/deny/deny-set.ts';
import { DenyStage } from '../../lib/keys/deny/deny-stage.ts';
import { kvKey, kvValue } from '../../lib/keys/deny/kv-spelling.ts';
import { NatsSource } from '../../lib/keys/deny/nats-source.ts';
import { restoreAll } from '../../lib/keys/deny/restore.ts';
import { readSnapshot, SnapshotFile } from '../../lib/keys/deny/snapshot-file.ts';
import { DEFAULT_OPERATIONS, type Exchange, type Principal } from '../../lib/pipeline/index.ts';

/**
 * The deny set at a million entries: `node bench/micro/deny.ts [entries]` from
 * the checkout. Absolute figures are of this machine; nothing else should run.
 */
const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const LOOKUPS = 1_000_000;
const ROUNDS = 3;

const rows: (readonly [what: string, figure: string])[] = [];
const note = (what: string, figure: string): void => void rows.push([what, figure]);
const idOf = (i: number): string => `01k${i.toString(36).padStart(8, '0')}b7c2fae04d19e8`;

/** Nanoseconds of one call, in the best of some rounds. */
function nanosPerCall(calls: number, work: (i: number) => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  let sink = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    for (let i = 0; i < calls; i++) if (work(i) !== null) sink++;
    best = Math.min(best, ((performance.now() - startedMs) / calls) * 1e6);
  }
  if (sink === -1) throw new Error('unreachable: the work must not be optimised away');
  return best;
}

/** In no order, so that the processor's caches do not know what comes. */
function shuffled(prints: Fingerprint[]): Fingerprint[] {
  for (let i = prints.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [prints[i], prints[j]] = [prints[j]!, prints[i]!];
  }
  return prints;
}

function principal(keyId: string): Principal {
  const grant = {
    providers: null,
    operations: DEFAULT_OPERATIONS,
    models: null,
    addresses: null,
    rpm: null,
    tpm: null,
    concurrency: null,
    bodyBytes: null,
  };
  return {
    auth: 'virtual',
    subject: `subject of ${keyId}`,
    keyId,
    tags: {},
    managed: true,
    grant,
    issuer: 'k4.pid.bench',
    issuedMs: Date.now(),
  };
}

function stageOf(set: DenySet, table: SharedArrayBuffer): DenyStage {
  const share = { table, gate: new DenyGate().buffer, secret: set.prints.secret };
  return new DenyStage(new DenyLookup(share, systemClock));
}

function measureStage(set: DenySet, table: SharedArrayBuffer, words: string): void {
  const stage = stageOf(set, table);
  const exchanges = Array.from({ length: 5000 }, (_, i) => {
    return { principal: principal(`free ${i}`) } as unknown as Exchange;
  });
  const run = (i: number): unknown => stage.run(exchanges[i % exchanges.length]!);
  note(`stage, ${words}`, `${nanosPerCall(LOOKUPS, run).toFixed(0)} ns`);
  if (set.local.size === 0) return;
  const named = set.named('key', 'comes and goes');
  const changing = nanosPerCall(200_000, i => {
    if (i % 5000 === 0) set.put(set.local, named, { reason: 'x', untilMs: null, issuedBeforeMs: null }, 0);
    return run(i);
  });
  note('stage, a denial before each request of a key', `${changing.toFixed(0)} ns`);
}

/** Times work of many turns, and the longest that others waited for one meanwhile. */
async function timed(what: string, work: () => Promise<void>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedMs = performance.now();
  await work();
  const tookMs = performance.now() - startedMs;
  delay.disable();
  note(what, `${tookMs.toFixed(0)} ms`);
  note('  longest wait of others', `${(delay.max / 1e6).toFixed(0)} ms`);
}

async function full(): Promise<DenySet> {
  const set = new DenySet(systemClock);
  // One more, so that a denial can come and go.
  const table = await set.addTable(ENTRIES + 1);
  measureStage(set, table.prints.buffer, 'nothing denied');
  const startedMs = performance.now();
  for (let i = 0; i < ENTRIES; i++)
    set.put(
      set.local,
      set.named('key', idOf(i)),
      { reason: 'fraud', untilMs: null, issuedBeforeMs: null },
      0,
    );
  note('denial, put in force', `${(((performance.now() - startedMs) / ENTRIES) * 1e6).toFixed(0)} ns`);
  const hits = shuffled(Array.from({ length: LOOKUPS }, (_, i) => set.prints.of('key', idOf(i % ENTRIES))));
  note('lookup, hit', `${nanosPerCall(LOOKUPS, i => table.prints.lookup(hits[i]!)).toFixed(0)} ns`);
  const misses = shuffled(Array.from({ length: LOOKUPS }, (_, i) => set.prints.of('key', `free ${i}`)));
  note('lookup, miss', `${nanosPerCall(LOOKUPS, i => table.prints.lookup(misses[i]!)).toFixed(0)} ns`);
  note('fingerprint', `${nanosPerCall(LOOKUPS, i => set.prints.of('key', `free ${i}`)).toFixed(0)} ns`);
  measureStage(set, table.prints.buffer, 'a key that is not denied');
  return set;
}

/** Memory of a process that has nothing but the set, from its snapshot. */
async function resident(path: string): Promise<void> {
  const script = `
    const { DenySet } = await import('${new URL('../../lib/keys/deny/deny-set.ts', import.meta.url)}');
    const { restoreAll } = await import('${new URL('../../lib/keys/deny/restore.ts', import.meta.url)}');
    const { readSnapshot } = await import('${new URL('../../lib/keys/deny/snapshot-file.ts', import.meta.url)}');
    const set = new DenySet({ wallMs: Date.now, monotonicMs: performance.now });
    await set.addTable(${ENTRIES});
    await restoreAll(await readSnapshot('${path}'), set, {}, Date.now());
    gc();
    setTimeout(() => console.log(process.memoryUsage.rss() / 2 ** 20, set.local.size), 500);
  `;
  const { stdout } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script]);
  note('a process with it, resident', `${Number(String(stdout).split(' ')[0]).toFixed(0)} MiB`);
}

async function restored(path: string): Promise<void> {
  const settings = { snapshot: path, maxEntries: ENTRIES, cutStreams: false, requireSeed: false };
  await timed('snapshot, read and put in force', async () => {
    const saved = await readSnapshot(path);
    if (saved === null || typeof saved === 'string') throw new Error(String(saved));
    const set = new DenySet(systemClock);
    const table = await set.addTable(ENTRIES);
    await restoreAll(saved, set, settings, Date.now());
    if (table.prints.size !== ENTRIES) throw new Error(`${table.prints.size} entries came back`);
  });
}

/** A bucket that was read whole by the bus, put in force by the set. */
async function followed(): Promise<void> {
  const entries = new Map<string, KvEntry>();
  for (let i = 0; i < ENTRIES; i++) {
    const entry = {
      kind: 'key',
      id: idOf(i),
      terms: { reason: 'x', untilMs: null, issuedBeforeMs: null },
    } as const;
    const key = kvKey(entry.kind, entry.id);
    entries.set(key, { key, value: kvValue(entry), revision: i + 1 });
  }
  const bus = { bucket: () => ({}) as KvBucket } as unknown as Bus;
  const set = new DenySet(systemClock);
  const table = await set.addTable(ENTRIES);
  const book = set.addBook('nats');
  const source = new NatsSource({ bus, bucket: 'bench', set, book, clock: systemClock, warn: () => {} });
  await timed('bucket, put in force', async () => {
    const inForce = new Promise<void>(resolve => source.onState(resolve));
    source.replace(entries, { created: 'bench', revision: ENTRIES });
    source.current();
    await inForce;
  });
  if (table.prints.size !== ENTRIES) throw new Error(`${table.prints.size} entries came`);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-deny-'));
  const path = join(folder, 'deny.snapshot');
  const set = await full();
  note('shared table', `${(FingerprintTable.create(ENTRIES).buffer.byteLength / 2 ** 20).toFixed(2)} MiB`);
  const file = new SnapshotFile({ path, set, clock: systemClock, warn: () => {} });
  await timed('snapshot, written', async () => {
    const problem = await file.save();
    if (problem !== null) throw new Error(problem);
  });
  await file.close();
  note('snapshot', `${(statSync(path).size / 2 ** 20).toFixed(0)} MiB`);
  await restored(path);
  await resident(path);
  await followed();
  rmSync(folder, { recursive: true });
  const width = Math.max(...rows.map(([what]) => what.length));
  for (const [what, figure] of rows) console.log(`${what.padEnd(width)}  ${figure.padStart(10)}`);
}

await main();
