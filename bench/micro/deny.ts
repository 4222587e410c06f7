import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Fingerprint, systemClock } from '../../lib/base/index.ts';
import { DenyGate } from '../../lib/keys/deny/deny-gate.ts';
import { DenyLookup } from '../../lib/keys/deny/deny-lookup.ts';
import { DenySet } from '../../lib/keys/deny/deny-set.ts';
import { DenyStage } from '../../lib/keys/deny/deny-stage.ts';
import { restoreLocal } from '../../lib/keys/deny/restore.ts';
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
const rssMiB = (): number => process.memoryUsage().rss / 2 ** 20;

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

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-deny-'));
  const path = join(folder, 'deny.snapshot');
  const baseMiB = rssMiB();
  const set = new DenySet(systemClock);
  const table = await set.addTable(ENTRIES + 1);
  measureStage(set, table.prints.buffer, 'nothing denied');
  let startedMs = performance.now();
  for (let i = 0; i < ENTRIES; i++)
    set.put(
      set.local,
      set.named('key', idOf(i)),
      { reason: 'fraud', untilMs: null, issuedBeforeMs: null },
      i + 1,
    );
  note('put, one entry', `${(((performance.now() - startedMs) / ENTRIES) * 1e6).toFixed(0)} ns`);
  note('shared table', `${(table.prints.buffer.byteLength / 2 ** 20).toFixed(2)} MiB`);
  note('RSS above an empty process', `${(rssMiB() - baseMiB).toFixed(0)} MiB`);

  const hits = shuffled(Array.from({ length: LOOKUPS }, (_, i) => set.prints.of('key', idOf(i % ENTRIES))));
  note('lookup, hit', `${nanosPerCall(LOOKUPS, i => table.prints.lookup(hits[i]!)).toFixed(0)} ns`);
  const misses = shuffled(Array.from({ length: LOOKUPS }, (_, i) => set.prints.of('key', `free ${i}`)));
  note('lookup, miss', `${nanosPerCall(LOOKUPS, i => table.prints.lookup(misses[i]!)).toFixed(0)} ns`);
  note('fingerprint', `${nanosPerCall(LOOKUPS, i => set.prints.of('key', `free ${i}`)).toFixed(0)} ns`);
  measureStage(set, table.prints.buffer, 'a key that is not denied');

  const file = new SnapshotFile({ path, set, clock: systemClock, warn: () => {} });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  startedMs = performance.now();
  const problem = await file.save();
  if (problem !== null) throw new Error(problem);
  note('snapshot written in', `${(performance.now() - startedMs).toFixed(0)} ms`);
  note('longest wait of others meanwhile', `${(delay.max / 1e6).toFixed(0)} ms`);
  note('snapshot', `${(statSync(path).size / 2 ** 20).toFixed(0)} MiB`);

  delay.reset();
  startedMs = performance.now();
  const saved = await readSnapshot(path);
  if (saved === null || typeof saved === 'string') throw new Error(String(saved));
  const other = new DenySet(systemClock);
  const otherTable = await other.addTable(ENTRIES);
  await restoreLocal(saved, other, Date.now());
  note('snapshot read and in force in', `${(performance.now() - startedMs).toFixed(0)} ms`);
  if (otherTable.prints.size !== ENTRIES) throw new Error(`${otherTable.prints.size} entries came back`);
  await file.close();
  rmSync(folder, { recursive: true });
  const width = Math.max(...rows.map(([what]) => what.length));
  for (const [what, figure] of rows) console.log(`${what.padEnd(width)}  ${figure.padStart(10)}`);
}

await main();
