import { Usage, type UsageFold, type UsageReading, type UsageTraits } from '../pipeline/index.ts';
import type { PointerList } from './pointer-list.ts';

/** What all folds share: an empty usage and the one end that is no JSON. */
export abstract class Fold implements UsageFold {
  readonly usage = new Usage();
  ended = false;

  abstract document(values: readonly unknown[], event: string | null): void;

  headers(_raw: readonly string[]): void {}

  text(data: string): void {
    if (data.trim() === '[DONE]') this.ended = true;
  }
}

/** Compiles a reading. Call it once per endpoint, at load. `text`: see `UsageReading`. */
export function usageReading(
  pointers: PointerList,
  start: (traits: UsageTraits) => UsageFold,
  text: readonly string[] = [],
): UsageReading {
  return Object.freeze({ pointers: pointers.compile(), start, text });
}
