/**
 * Counts values by upper bounds, as a Prometheus histogram does. A plain array,
 * since prom-client's own spends 200 ns on the label set of each value.
 */
export class MetricsHistogram {
  readonly #bounds: readonly number[];
  /** One per bound, and one for all that is greater. Not cumulative. */
  readonly #counts: Float64Array;
  #sum = 0;
  #total = 0;

  /** @param bounds ascending; a value equal to one counts below it. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  get total(): number {
    return this.#total;
  }

  get sum(): number {
    return this.#sum;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    this.#counts[at]! += 1;
    this.#sum += value;
    this.#total++;
  }

  /** For each bound how many values were not greater. */
  cumulative(): readonly { readonly bound: number; readonly count: number }[] {
    let count = 0;
    return this.#bounds.map((bound, i) => {
      count += this.#counts[i]!;
      return { bound, count };
    });
  }
}
