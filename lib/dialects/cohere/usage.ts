import type { UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { isStated, setMeasure, statedCount, statedWord } from '../stated.ts';

/** One place where counts stand: v2 says `usage`, v1 `meta`; each in the body and in a stream's last event. */
interface CountColumns {
  readonly input: number;
  readonly output: number;
  readonly billedInput: number;
  readonly billedOutput: number;
  readonly searchUnits: number;
  readonly cached: number;
  readonly all: readonly number[];
}

const LIST = new PointerList();
const PLACES: readonly CountColumns[] = ['/usage', '/delta/usage', '/meta', '/response/meta'].map(prefix => {
  const columns = {
    input: LIST.column(`${prefix}/tokens/input_tokens`),
    output: LIST.column(`${prefix}/tokens/output_tokens`),
    billedInput: LIST.column(`${prefix}/billed_units/input_tokens`),
    billedOutput: LIST.column(`${prefix}/billed_units/output_tokens`),
    searchUnits: LIST.column(`${prefix}/billed_units/search_units`),
    cached: LIST.column(`${prefix}/cached_tokens`),
  };
  return { ...columns, all: Object.values(columns) };
});
const FINISH_REASONS = LIST.columns('', [
  'finish_reason',
  'delta/finish_reason',
  'generations/0/finish_reason',
]);
const TYPES = LIST.columns('', ['type', 'event_type']);
const LAST_EVENTS: ReadonlySet<string> = new Set(['message-end', 'stream-end']);

/** Chat, generate, embed and rerank of both versions, as JSON, SSE or JSON lines; no body names the model. */
class CohereFold extends Fold {
  document(values: readonly unknown[], event: string | null): void {
    const usage = this.usage;
    for (const column of FINISH_REASONS) {
      const reason = statedWord(values[column]);
      if (reason === null) continue;
      usage.finishReason = reason;
      this.ended = true;
    }
    if (event !== null && LAST_EVENTS.has(event)) this.ended = true;
    for (const column of TYPES) if (LAST_EVENTS.has(statedWord(values[column]) ?? '')) this.ended = true;
    for (const place of PLACES)
      if (place.all.some(column => isStated(values[column]))) this.#replace(values, place);
  }

  /** `tokens` is what was processed, `billed_units` what is paid for; the older answers state only the latter. */
  #replace(values: readonly unknown[], place: CountColumns): void {
    const usage = this.usage;
    const billedInput = statedCount(values[place.billedInput], usage);
    const billedOutput = statedCount(values[place.billedOutput], usage);
    usage.inputTokens = statedCount(values[place.input], usage) ?? billedInput;
    usage.outputTokens = statedCount(values[place.output], usage) ?? billedOutput;
    usage.cachedInputTokens = statedCount(values[place.cached], usage);
    setMeasure(usage, 'billedInputTokens', billedInput);
    setMeasure(usage, 'billedOutputTokens', billedOutput);
    setMeasure(usage, 'searchUnits', statedCount(values[place.searchUnits], usage));
  }
}

export const COHERE_READING: UsageReading = usageReading(LIST, () => new CohereFold(), [
  '/delta/message/content/text',
  '/delta/message/content/thinking',
  '/delta/message/tool_plan',
  '/delta/message/tool_calls/function/arguments',
]);
