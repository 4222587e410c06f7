import { FingerprintTable } from '../../base/index.ts';
import type { Named } from './fingerprinter.ts';
import { type DenyTerms, packTerms } from './terms.ts';

/** The shared table of a deny set, and what it has no room for at the moment. */
export class DenyTable {
  readonly prints: FingerprintTable;
  /** By kind and id. */
  readonly #waiting = new Map<string, Named>();

  constructor(maxEntries: number) {
    this.prints = FingerprintTable.create(maxEntries);
  }

  get isFull(): boolean {
    return this.prints.size >= this.prints.maxEntries;
  }

  /** Entries that are in force nowhere, for lack of room. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether it has found no room yet. */
  isWaiting(named: Named): boolean {
    return this.#waiting.has(nameOf(named));
  }

  /** False where there is no room: it waits for some. */
  set(named: Named, terms: DenyTerms): boolean {
    const { low, high } = packTerms(terms);
    const isSet = this.prints.set(named.print, low, high);
    if (!isSet) this.#waiting.set(nameOf(named), named);
    else if (this.#waiting.size > 0) this.#waiting.delete(nameOf(named));
    return isSet;
  }

  remove(named: Named): void {
    if (this.#waiting.size > 0) this.#waiting.delete(nameOf(named));
    this.prints.remove(named.print);
  }

  /** What may take the room there is, if anything waits for it. */
  nextWaiting(): Named | null {
    if (this.#waiting.size === 0 || this.isFull) return null;
    const [next] = this.#waiting.values();
    return next!;
  }
}

function nameOf({ kind, id }: Named): string {
  return `${kind} ${id}`;
}
