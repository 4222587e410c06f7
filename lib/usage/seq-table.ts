const PAGE_ENTRIES = 4096;
const OPEN = 1;
const FACT = 2;

interface Page {
  readonly crcs: Uint32Array;
  readonly flags: Uint8Array;
}

/** Which sequence numbers of a boot have been met, in five bytes each. */
export class SeqTable {
  readonly #pages = new Map<number, Page>();
  #unended = 0;
  #met = 0;
  #highest = 0;

  /** Exchanges that were begun and have no fact so far. */
  get unended(): number {
    return this.#unended;
  }

  /** Numbers below the highest one met that no record has. */
  get unused(): number {
    return this.#highest - this.#met;
  }

  open(seq: number): void {
    const { page, at } = this.#place(seq);
    if (page.flags[at] === 0) this.#unended++;
    page.flags[at]! |= OPEN;
  }

  /** `same`, `other`: there is a fact of that number already, with the same checksum or another. */
  fact(seq: number, crc: number): 'first' | 'same' | 'other' {
    const { page, at } = this.#place(seq);
    const flags = page.flags[at]!;
    if ((flags & FACT) !== 0) return page.crcs[at] === crc ? 'same' : 'other';
    if (flags === OPEN) this.#unended--;
    page.flags[at] = flags | FACT;
    page.crcs[at] = crc;
    return 'first';
  }

  hasFact(seq: number): boolean {
    const page = this.#pages.get(Math.floor(seq / PAGE_ENTRIES));
    return page !== undefined && (page.flags[seq % PAGE_ENTRIES]! & FACT) !== 0;
  }

  #place(seq: number): { readonly page: Page; readonly at: number } {
    const index = Math.floor(seq / PAGE_ENTRIES);
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = { crcs: new Uint32Array(PAGE_ENTRIES), flags: new Uint8Array(PAGE_ENTRIES) };
      this.#pages.set(index, page);
    }
    const at = seq % PAGE_ENTRIES;
    if (page.flags[at] === 0) this.#met++;
    this.#highest = Math.max(this.#highest, seq);
    return { page, at };
  }
}
