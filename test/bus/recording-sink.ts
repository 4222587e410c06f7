import type { KvCursor, KvEntry, KvSink } from '../../lib/bus/index.ts';
import { Changes } from '../deadline/index.ts';

/** Keeps what a bucket's following hands over, and what it did wrong. */
export class RecordingSink implements KvSink {
  readonly content = new Map<string, string>();
  /** Every call in order: `replace`, `apply`, `current`. */
  readonly calls: string[] = [];
  /** Revisions given one by one since the last `replace`. */
  applied: number[] = [];
  replaces = 0;
  currents = 0;
  cursor: KvCursor | null = null;
  readonly faults: string[] = [];
  readonly changes = new Changes();
  readonly #decoder = new TextDecoder();

  /** @param cursor where an earlier sink of the same content ended. */
  constructor(before: RecordingSink | null = null) {
    if (before === null) return;
    this.cursor = before.cursor;
    for (const [key, value] of before.content) this.content.set(key, value);
  }

  replace(entries: ReadonlyMap<string, KvEntry>, cursor: KvCursor): void {
    this.content.clear();
    for (const [key, entry] of entries) {
      if (entry.value === null || entry.key !== key)
        this.faults.push(`replace gave a wrong entry for ${key}`);
      else this.content.set(key, this.#decoder.decode(entry.value));
      if (entry.revision > cursor.revision) this.faults.push(`${key} is beyond the cursor`);
    }
    this.applied = [];
    this.replaces++;
    this.#took('replace', cursor);
  }

  apply(entry: KvEntry, cursor: KvCursor): void {
    if (entry.revision <= (this.cursor?.revision ?? 0))
      this.faults.push(`revision ${entry.revision} came again`);
    if (cursor.revision !== entry.revision) this.faults.push('the cursor is not at the entry');
    if (entry.value === null) this.content.delete(entry.key);
    else this.content.set(entry.key, this.#decoder.decode(entry.value));
    this.applied.push(entry.revision);
    this.#took('apply', cursor);
  }

  current(): void {
    this.currents++;
    this.#took('current', this.cursor!);
  }

  #took(call: string, cursor: KvCursor): void {
    this.cursor = cursor;
    this.calls.push(call);
    this.changes.notify();
  }

  /** Waits until it holds exactly that. */
  async holds(expected: ReadonlyMap<string, string> | Readonly<Record<string, string>>): Promise<void> {
    const wanted = canonical(expected instanceof Map ? expected : new Map(Object.entries(expected)));
    await this.changes
      .until(() => canonical(this.content) === wanted, `the sink to hold ${wanted.slice(0, 200)}`)
      .catch((error: Error) => {
        throw new Error(`${error.message}; it holds ${canonical(this.content).slice(0, 200)}`);
      });
  }

  /** Waits for that many further calls of `current`. */
  async becomesCurrent(further = 1): Promise<void> {
    const wanted = this.currents + further;
    await this.changes.until(() => this.currents >= wanted, 'the sink to be current');
  }
}

function canonical(content: ReadonlyMap<string, string>): string {
  return JSON.stringify([...content].sort(([a], [b]) => (a < b ? -1 : 1)));
}
