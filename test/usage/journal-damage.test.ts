import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import type { Ledger } from '../../lib/store/index.ts';
import { journalLine, sealedLine } from '../../lib/usage/journal-line.ts';
import { readSegment } from '../../lib/usage/segment-reader.ts';
import { Shipper } from '../../lib/usage/ship.ts';
import { cutJournal, idOf, journalFolder, recover } from './sample-journal.ts';

t.setTimeout(120_000);

const MASKS = [0x01, 0x20, 0xff];
/** A run that began after the one that was cut off, and ended well. */
const LATER_BOOT = '00000000000001ff';
const LATER = `here-${LATER_BOOT}-0-0.ndjson`;

interface Line {
  readonly kind: 'open' | 'fact';
  readonly seq: number;
  readonly text: string;
}

function lineOf(kind: 'open' | 'fact', seq: number): Line {
  const fact = { v: 1, id: idOf(seq), outcome: 'complete' };
  const text =
    kind === 'fact'
      ? journalLine(fact as unknown as Fact)
      : sealedLine(JSON.stringify({ v: 1, open: true, id: idOf(seq) }));
  return { kind, seq, text };
}

/** Exchanges with both lines, the two lines of neighbours crossed; every fifth was never settled, every seventh never opened. */
function recordsOfARun(): readonly Line[] {
  const lines: Line[] = [];
  for (let seq = 1; lines.length < 50; seq += 2) {
    for (const each of [seq, seq + 1]) if (each % 7 !== 0) lines.push(lineOf('open', each));
    for (const each of [seq + 1, seq]) if (each % 5 !== 0) lines.push(lineOf('fact', each));
  }
  return lines.slice(0, 50);
}

const records = recordsOfARun();
const whole = Buffer.from(records.map(({ text }) => text).join(''));
const later = [1, 2].map(seq => ({ v: 1, id: `here:${LATER_BOOT}:${seq}`, outcome: 'complete' }));

/** What must be on record when these lines could be read: each fact, and `lost` for what was begun only. */
function expectedOf(read: readonly Line[]): ReadonlyMap<string, string> {
  const outcomes = new Map<string, string>();
  for (const { kind, seq } of read) {
    if (kind === 'fact') outcomes.set(idOf(seq), 'complete');
    else if (!outcomes.has(idOf(seq))) outcomes.set(idOf(seq), 'lost');
  }
  for (const { id, outcome } of later) outcomes.set(id, outcome);
  return outcomes;
}

/** Starts over a journal and ships all of it. Gives outcomes by id, and whether the start said that something is wrong. */
async function shipped(folder: string) {
  const warnings = await recover(folder);
  const texts: string[] = [];
  const ledger = {
    place: 'memory',
    cursors: async () => ({ ok: true, value: new Map() }),
    append: async (facts: readonly string[]) => {
      texts.push(...facts);
      return {
        ok: true,
        value: { added: facts.length, duplicates: 0, conflicts: 0, invalid: 0, ignored: 0 },
      };
    },
  } as unknown as Ledger;
  const shipper = new Shipper({ folder, ledger, warn: () => {} });
  const isDone = await shipper.pass();
  const facts = texts.map(text => JSON.parse(text) as Fact);
  return {
    isDone,
    count: facts.length,
    outcomes: new Map(facts.map(({ id, outcome }) => [id, outcome] as const)),
    told: warnings.map(({ code }) => code).join(),
  };
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([id, outcome]) => b.get(id) === outcome);
}

/** Starts over damaged bytes and compares. Empty where all is as it should be. */
async function faultOf(folder: string, bytes: Buffer, read: readonly Line[], isTold: boolean) {
  cutJournal(folder, bytes);
  writeFileSync(join(folder, LATER), later.map(fact => journalLine(fact as unknown as Fact)).join(''));
  const { isDone, count, outcomes, told } = await shipped(folder);
  const expected = expectedOf(read);
  const isLost = [...expected.values()].includes('lost');
  if (!isDone) return 'not shipped';
  if (!isSame(outcomes, expected)) return `${outcomes.size} facts instead of ${expected.size}`;
  if (count !== expected.size) return 'a fact came twice';
  return told === (isTold || isLost ? 'journal_unfinished' : '') ? '' : `told ${told}`;
}

async function faultsAtEveryByte(t: Test, faultAt: (folder: string, at: number) => Promise<string>) {
  const folder = journalFolder(t, { inMemory: true });
  const faults: string[] = [];
  for (let at = 0; at < whole.length; at++) {
    const fault = await faultAt(folder, at);
    if (fault !== '') faults.push(`at byte ${at}: ${fault}`);
  }
  t.strictSame(faults.slice(0, 5), []);
}

/** How many lines end before a place. */
function linesBefore(at: number): number {
  return whole.toString('latin1', 0, at).split('\n').length - 1;
}

t.test(
  'a journal of 50 records cut at every byte: what stands before the cut counts, and what comes after',
  t =>
    faultsAtEveryByte(t, (folder, at) => {
      const kept = whole.subarray(0, at);
      const isTorn = at > 0 && kept.at(-1) !== 0x0a;
      return faultOf(folder, kept, records.slice(0, linesBefore(at)), isTorn);
    }),
);

t.test('a journal of 50 records with any byte changed: all other records count', t =>
  faultsAtEveryByte(t, (folder, at) => {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= MASKS[at % MASKS.length]!;
    const hit = linesBefore(at);
    // Two lines that are joined are told apart; the last one has lost its end.
    const isJoined = whole[at] === 0x0a && hit < records.length - 1;
    return faultOf(
      folder,
      bytes,
      records.filter((_, i) => i !== hit || isJoined),
      true,
    );
  }),
);

t.test('wherever the reader’s chunks end, no record is lost', async t => {
  const folder = journalFolder(t);
  const path = join(folder, 'a.ndjson');
  const chunkBytes = 256 * 1024;
  const two = records.slice(0, 2).map(({ text }) => text);
  const faults: number[] = [];
  for (let before = 0; before <= two.join('').length; before++) {
    const filler = sealedLine(JSON.stringify({ v: 1, pad: '' }));
    const pad = 'x'.repeat(chunkBytes - before - filler.length);
    const read: string[] = [];
    writeFileSync(path, sealedLine(JSON.stringify({ v: 1, pad })) + two.join(''));
    const reading = await readSegment(path, 0, ({ bytes }) => read.push(`${bytes.toString('latin1')}\n`));
    const isRight = read.length === 3 && read[1] === two[0] && read[2] === two[1];
    if (!isRight || reading.broken > 0 || reading.torn) faults.push(before);
  }
  t.strictSame(faults, []);
});
