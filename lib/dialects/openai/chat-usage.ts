import type { UsageReading, UsageTraits } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { isStated, statedWord } from '../stated.ts';
import { StatedRates } from '../stated-rates.ts';
import {
  CHAT_WORDS,
  hasUsage,
  replaceUsage,
  totalsBlock,
  type UsageBlock,
  type UsageReadingRules,
  usageBlock,
} from './usage-block.ts';

/** Chat and legacy completions: JSON with `choices`, or SSE chunks of the same shape and `[DONE]`. */
interface ChatColumns {
  readonly model: number;
  readonly finishReason: number;
  readonly choiceIndex: number;
  readonly errors: readonly number[];
  readonly rates: readonly number[];
  /** Where usage may be, the best place first. */
  readonly blocks: readonly UsageBlock[];
}

function chatColumns(list: PointerList): ChatColumns {
  return {
    model: list.column('/model'),
    finishReason: list.column('/choices/0/finish_reason'),
    choiceIndex: list.column('/choices/0/index'),
    rates: [list.column('/service_tier')],
    errors: [list.column('/error/message'), list.column('/error/code')],
    blocks: [
      usageBlock(list, '/usage', CHAT_WORDS),
      totalsBlock(list, '/x_groq/usage'),
      totalsBlock(list, '/choices/0/usage'),
    ],
  };
}

class ChatFold extends Fold {
  readonly #columns: ChatColumns;
  readonly #rules: UsageReadingRules;
  readonly #rates = new StatedRates();

  constructor(columns: ChatColumns, rules: UsageReadingRules) {
    super();
    this.#columns = columns;
    this.#rules = rules;
  }

  document(values: readonly unknown[]): void {
    const { model, finishReason, choiceIndex, errors, rates, blocks } = this.#columns;
    this.#rates.take(values, rates, this.usage);
    this.usage.modelServed = statedWord(values[model]) ?? this.usage.modelServed;
    const reason = statedWord(values[finishReason]);
    // With n > 1 a chunk carries one choice, so the first of the array may be any of them.
    if (reason !== null && (!isStated(values[choiceIndex]) || values[choiceIndex] === 0)) {
      this.usage.finishReason = reason;
      this.ended = true;
    }
    for (const column of errors) if (isStated(values[column])) this.ended = true;
    for (const block of blocks) {
      if (!hasUsage(values, block)) continue;
      replaceUsage(values, block, this.usage, this.#rules);
      break;
    }
  }
}

/** With several choices an event carries one of them, which is then the first of its array. */
const TEXT: readonly string[] = [
  ...['content', 'reasoning_content', 'reasoning', 'refusal'].map(name => `/choices/0/delta/${name}`),
  ...[0, 1, 2, 3].map(call => `/choices/0/delta/tool_calls/${call}/function`),
  '/choices/0/delta/function_call',
  '/choices/0/text',
];

/** The reading of chat completions. `audioOutsideInput`: see `UsageReadingRules`. */
export function chatReading(audioOutsideInput: boolean): UsageReading {
  const list = new PointerList();
  const columns = chatColumns(list);
  const start = (traits: UsageTraits): ChatFold => {
    const { reasoningOutsideOutput, outputIsTotalMinusInput } = traits;
    return new ChatFold(columns, {
      reasoningOutsideOutput,
      outputIsTotalMinusInput,
      audioOutsideInput,
      inputIsTotal: false,
    });
  };
  return usageReading(list, start, TEXT);
}
