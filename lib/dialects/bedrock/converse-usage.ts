import type { UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { type SplitColumns, SplitCounts } from '../split-counts.ts';
import { isStated, setMeasure, statedCount, statedWord } from '../stated.ts';

const LIST = new PointerList();
const STOP_REASON = LIST.column('/stopReason');
const TOTAL = LIST.column('/usage/totalTokens');
const COUNTS: SplitColumns = {
  input: LIST.columns('/usage', ['inputTokens']),
  output: LIST.columns('/usage', ['outputTokens']),
  cacheRead: LIST.columns('/usage', ['cacheReadInputTokens', 'cacheReadInputTokenCount']),
  cacheWrite: LIST.columns('/usage', ['cacheWriteInputTokens', 'cacheWriteInputTokenCount']),
};

/** `converse` as JSON, `converse-stream` as event-stream messages; the body names no model. */
class ConverseFold extends Fold {
  readonly #counts = new SplitCounts();

  document(values: readonly unknown[], event: string | null): void {
    const usage = this.usage;
    const reason = statedWord(values[STOP_REASON]);
    if (reason !== null) {
      usage.finishReason = reason;
      this.ended = true;
    }
    // An exception event ends a stream too.
    if (event === 'metadata' || event?.endsWith('Exception') === true) this.ended = true;
    this.#counts.take(values, COUNTS, usage);
    this.#counts.publish(usage);
    if (isStated(values[TOTAL])) setMeasure(usage, 'totalTokens', statedCount(values[TOTAL], usage));
  }
}

export const CONVERSE_READING: UsageReading = usageReading(LIST, () => new ConverseFold(), [
  '/delta/text',
  '/delta/toolUse/input',
  '/delta/reasoningContent/text',
]);
