import type { UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { isStated, setMeasure, statedCount, statedWord, sumStated } from '../stated.ts';

/** Where an interaction is: the body itself, or `/interaction` of a stream's first and last event. */
interface InteractionColumns {
  readonly model: number;
  readonly status: number;
  readonly input: number;
  readonly toolUse: number;
  readonly output: number;
  readonly thoughts: number;
  readonly cached: number;
  readonly total: number;
  readonly counts: readonly number[];
}

const LIST = new PointerList();

function interactionColumns(prefix: string): InteractionColumns {
  const at = (name: string): number => LIST.column(`${prefix}/usage/${name}`);
  const counts = {
    input: at('total_input_tokens'),
    toolUse: at('total_tool_use_tokens'),
    output: at('total_output_tokens'),
    thoughts: at('total_thought_tokens'),
    cached: at('total_cached_tokens'),
    total: at('total_tokens'),
  };
  const model = LIST.column(`${prefix}/model`);
  const status = LIST.column(`${prefix}/status`);
  return { ...counts, model, status, counts: Object.values(counts) };
}

const EVENT_TYPE = LIST.column('/event_type');
const ERROR_MESSAGE = LIST.column('/error/message');
const PLACES = [interactionColumns('/interaction'), interactionColumns('')];

class InteractionsFold extends Fold {
  document(values: readonly unknown[], event: string | null): void {
    const usage = this.usage;
    const type = statedWord(values[EVENT_TYPE]) ?? event;
    if (type === 'interaction.completed' || type === 'error') this.ended = true;
    if (isStated(values[ERROR_MESSAGE])) this.ended = true;
    for (const place of PLACES) {
      usage.modelServed = statedWord(values[place.model]) ?? usage.modelServed;
      const status = statedWord(values[place.status]);
      if (status !== null && status !== 'in_progress') usage.finishReason = status;
      if (place.counts.some(column => isStated(values[column]))) this.#replace(values, place);
    }
  }

  #replace(values: readonly unknown[], place: InteractionColumns): void {
    const usage = this.usage;
    const input = statedCount(values[place.input], usage);
    const toolUse = statedCount(values[place.toolUse], usage);
    const thoughts = statedCount(values[place.thoughts], usage);
    usage.inputTokens = input === null ? null : input + (toolUse ?? 0);
    usage.outputTokens = sumStated(statedCount(values[place.output], usage), thoughts);
    usage.cachedInputTokens = statedCount(values[place.cached], usage);
    usage.reasoningTokens = thoughts;
    setMeasure(usage, 'totalTokens', statedCount(values[place.total], usage));
    setMeasure(usage, 'toolUsePromptTokens', toolUse);
  }
}

export const INTERACTIONS_READING: UsageReading = usageReading(LIST, () => new InteractionsFold(), [
  '/delta/text',
  '/delta/arguments',
]);
