const FIRST_ITEMS = 16;

/** Numbers by when they are due, the soonest first: a binary heap in 12 bytes an item. */
export class ExpiryQueue {
  #times = new Float64Array(FIRST_ITEMS);
  #items = new Int32Array(FIRST_ITEMS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(atMs: number, item: number): void {
    if (this.#size === this.#times.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#times[above]! <= atMs) break;
      this.#move(above, at);
      at = above;
    }
    this.#times[at] = atMs;
    this.#items[at] = item;
  }

  /** Takes the soonest item out if it is due, else gives -1. */
  next(nowMs: number): number {
    if (this.#size === 0 || this.#times[0]! > nowMs) return -1;
    const item = this.#items[0]!;
    this.#size--;
    this.#sink(this.#times[this.#size]!, this.#items[this.#size]!);
    return item;
  }

  clear(): void {
    this.#size = 0;
  }

  #sink(atMs: number, item: number): void {
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= this.#size) break;
      if (below + 1 < this.#size && this.#times[below + 1]! < this.#times[below]!) below++;
      if (this.#times[below]! >= atMs) break;
      this.#move(below, at);
      at = below;
    }
    this.#times[at] = atMs;
    this.#items[at] = item;
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from]!;
    this.#items[to] = this.#items[from]!;
  }

  #grow(): void {
    const times = new Float64Array(this.#size * 2);
    const items = new Int32Array(this.#size * 2);
    times.set(this.#times);
    items.set(this.#items);
    this.#times = times;
    this.#items = items;
  }
}
