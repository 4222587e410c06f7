/** Every latency of a window, kept whole: percentiles are exact. */
export class LatencySamples {
  private values = new Float64Array(65_536);
  private used = 0;

  get count(): number {
    return this.used;
  }

  add(ms: number): void {
    if (this.used === this.values.length) {
      const larger = new Float64Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.used++] = ms;
  }

  clear(): void {
    this.used = 0;
  }

  /** The quantiles asked for, in the same order; NaN each when there are no samples. */
  quantiles(...wanted: number[]): number[] {
    const sorted = this.values.subarray(0, this.used).sort();
    return wanted.map(q => sorted[Math.min(this.used - 1, Math.floor(q * this.used))] ?? Number.NaN);
  }
}
