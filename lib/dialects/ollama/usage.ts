import type { UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { isStated, statedCount, statedWord } from '../stated.ts';

const LIST = new PointerList();
const MODEL = LIST.column('/model');
const DONE = LIST.column('/done');
const DONE_REASON = LIST.column('/done_reason');
const INPUT = LIST.column('/prompt_eval_count');
const OUTPUT = LIST.column('/eval_count');
const ERROR = LIST.column('/error');

/** One object, or one per line; counts only on the last. A prompt answered from cache may have no count at all. */
class OllamaFold extends Fold {
  document(values: readonly unknown[]): void {
    const usage = this.usage;
    usage.modelServed = statedWord(values[MODEL]) ?? usage.modelServed;
    usage.finishReason = statedWord(values[DONE_REASON]) ?? usage.finishReason;
    if (values[DONE] === true || isStated(values[ERROR])) this.ended = true;
    usage.inputTokens = statedCount(values[INPUT], usage) ?? usage.inputTokens;
    usage.outputTokens = statedCount(values[OUTPUT], usage) ?? usage.outputTokens;
  }
}

export const OLLAMA_READING: UsageReading = usageReading(LIST, () => new OllamaFold(), [
  '/message/content',
  '/message/thinking',
  '/message/tool_calls',
  '/response',
  '/thinking',
]);
