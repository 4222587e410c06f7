import type { Usage } from '../pipeline/index.ts';
import { firstCount } from './stated.ts';

/** Columns of counts where the input leaves cached tokens out. */
export interface SplitColumns {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly cacheRead: readonly number[];
  readonly cacheWrite: readonly number[];
}

/**
 * Counts of a wire whose input excludes what was read from and written to the
 * cache. Each later non-null field overrides the earlier one; never a maximum,
 * never a sum over events.
 */
export class SplitCounts {
  input: number | null = null;
  output: number | null = null;
  cacheRead: number | null = null;
  cacheWrite: number | null = null;

  take(values: readonly unknown[], columns: SplitColumns, usage: Usage): void {
    this.input = firstCount(values, columns.input, usage) ?? this.input;
    this.output = firstCount(values, columns.output, usage) ?? this.output;
    this.cacheRead = firstCount(values, columns.cacheRead, usage) ?? this.cacheRead;
    this.cacheWrite = firstCount(values, columns.cacheWrite, usage) ?? this.cacheWrite;
  }

  /** All input tokens: cached and cache-written ones included. Null while the rest is unknown. */
  get wholeInput(): number | null {
    return this.input === null ? null : this.input + (this.cacheRead ?? 0) + (this.cacheWrite ?? 0);
  }

  publish(usage: Usage): void {
    this.publishInput(usage);
    usage.outputTokens = this.output;
  }

  publishInput(usage: Usage): void {
    usage.inputTokens = this.wholeInput;
    usage.cachedInputTokens = this.cacheRead;
    usage.cacheWriteTokens = this.cacheWrite;
  }
}
