import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fact } from '../pipeline/index.ts';
import { listJournal, unlessGone } from './journal-folder.ts';
import { readSegment } from './segment-reader.ts';

/** How much of a segment's end is read for its last facts. */
const END_BYTES = 1024 * 1024;

export interface TailedFact {
  readonly fact: Fact;
  /** Its line as it stands in the journal, without the end. */
  readonly line: string;
}

/** The last facts of a journal, and those that come after them. */
export class JournalTail {
  readonly #folder: string;
  /** How far each segment has been read. */
  readonly #offsets = new Map<string, number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The last `count` facts, oldest first. Rejects with the system's error where there is no folder. */
  async last(count: number): Promise<readonly TailedFact[]> {
    const { segments } = await listJournal(this.#folder);
    const sized = await Promise.all(
      segments.map(async ({ file }) => {
        const found = await this.#stat(file);
        return found === null ? [] : [{ file, ...found }];
      }),
    );
    let kept: TailedFact[] = [];
    for (const { file, sizeBytes, changedMs } of sized.flat().sort((a, b) => b.changedMs - a.changedMs)) {
      // It was last written before all that is kept began.
      const isOlder = kept.length === count && (count === 0 || changedMs < Date.parse(kept[0]!.fact.time));
      if (isOlder) this.#offsets.set(file, sizeBytes);
      else kept = inTime([...kept, ...(await this.#read(file, Math.max(0, sizeBytes - END_BYTES)))], count);
    }
    return kept;
  }

  /** What has been written since, in any segment. */
  async next(): Promise<readonly TailedFact[]> {
    const { segments } = await listJournal(this.#folder);
    const facts: TailedFact[] = [];
    for (const { file } of segments) {
      const from = this.#offsets.get(file) ?? 0;
      const found = await this.#stat(file);
      if (found !== null && found.sizeBytes > from) facts.push(...(await this.#read(file, from)));
    }
    return facts;
  }

  async #stat(file: string): Promise<{ readonly sizeBytes: number; readonly changedMs: number } | null> {
    const found = await unlessGone(stat(join(this.#folder, file)));
    return found === null ? null : { sizeBytes: found.size, changedMs: found.mtimeMs };
  }

  async #read(file: string, from: number): Promise<readonly TailedFact[]> {
    const facts: TailedFact[] = [];
    const reading = readSegment(join(this.#folder, file), from, ({ kind, bytes }) => {
      if (kind !== 'fact') return;
      const line = bytes.toString('utf8');
      facts.push({ fact: JSON.parse(line) as Fact, line });
    });
    this.#offsets.set(file, (await unlessGone(reading))?.end ?? from);
    return facts;
  }
}

function inTime(facts: TailedFact[], count: number): TailedFact[] {
  facts.sort((a, b) => Date.parse(a.fact.time) - Date.parse(b.fact.time));
  return facts.slice(Math.max(0, facts.length - count));
}
