import type { Usage, UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { type SplitColumns, SplitCounts } from '../split-counts.ts';
import { setMeasure, statedCount, statedUsd, statedWord } from '../stated.ts';

/** Passes of one answer that are read: compaction, advisors, fallbacks and the message itself. */
const MAX_ITERATIONS = 12;

/** The columns of one usage object; it stands in the body, in `/message` of the first event and in later events. */
interface UsageColumns extends SplitColumns {
  readonly thinking: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
  readonly webSearches: number;
  readonly cost: number;
}

/** Every column of a message answer, JSON or stream. */
export interface MessageColumns {
  readonly type: number;
  readonly models: readonly number[];
  readonly stopReasons: readonly number[];
  readonly errorMessage: number;
  readonly usages: readonly UsageColumns[];
  readonly iterationCount: number;
  readonly iterations: readonly SplitColumns[];
}

function splitColumns(list: PointerList, prefix: string): SplitColumns {
  return {
    input: list.columns(prefix, ['input_tokens']),
    output: list.columns(prefix, ['output_tokens']),
    cacheRead: list.columns(prefix, ['cache_read_input_tokens']),
    cacheWrite: list.columns(prefix, ['cache_creation_input_tokens']),
  };
}

/** Registers what a message answer is read by; other folds of model-native bodies do the same. */
export function messageColumns(list: PointerList): MessageColumns {
  return {
    type: list.column('/type'),
    models: [list.column('/message/model'), list.column('/model')],
    stopReasons: [list.column('/delta/stop_reason'), list.column('/stop_reason')],
    errorMessage: list.column('/error/message'),
    usages: ['/message/usage', '/usage'].map(prefix => ({
      ...splitColumns(list, prefix),
      thinking: list.column(`${prefix}/output_tokens_details/thinking_tokens`),
      cacheWrite5m: list.column(`${prefix}/cache_creation/ephemeral_5m_input_tokens`),
      cacheWrite1h: list.column(`${prefix}/cache_creation/ephemeral_1h_input_tokens`),
      webSearches: list.column(`${prefix}/server_tool_use/web_search_requests`),
      cost: list.column(`${prefix}/cost`),
    })),
    iterationCount: list.column('/usage/iterations/-/#'),
    iterations: Array.from({ length: MAX_ITERATIONS }, (_, i) =>
      splitColumns(list, `/usage/iterations/${i}`),
    ),
  };
}

/** What a message answer has said so far, field by field: each later non-null field overrides the earlier one. */
export class MessageCounts extends SplitCounts {
  #thinking: number | null = null;
  #cacheWrite5m: number | null = null;
  #cacheWrite1h: number | null = null;
  #webSearches: number | null = null;
  #costNanos: number | null = null;

  takeMessage(values: readonly unknown[], columns: MessageColumns, usage: Usage): void {
    for (const place of columns.usages) {
      this.take(values, place, usage);
      this.#thinking = statedCount(values[place.thinking], usage) ?? this.#thinking;
      this.#cacheWrite5m = statedCount(values[place.cacheWrite5m], usage) ?? this.#cacheWrite5m;
      this.#cacheWrite1h = statedCount(values[place.cacheWrite1h], usage) ?? this.#cacheWrite1h;
      this.#webSearches = statedCount(values[place.webSearches], usage) ?? this.#webSearches;
      this.#costNanos = statedUsd(values[place.cost], usage) ?? this.#costNanos;
    }
  }

  publishMessage(usage: Usage): void {
    this.publish(usage);
    usage.reasoningTokens = this.#thinking;
    usage.costNanos = this.#costNanos;
    setMeasure(usage, 'webSearches', this.#webSearches);
    // The last event may restate the sum without its parts: parts that no longer add up are of an older sum.
    const whole = (this.#cacheWrite5m ?? 0) + (this.#cacheWrite1h ?? 0) === this.cacheWrite;
    setMeasure(usage, 'cacheWrite5mTokens', whole ? this.#cacheWrite5m : null);
    setMeasure(usage, 'cacheWrite1hTokens', whole ? this.#cacheWrite1h : null);
  }
}

/**
 * The sum over all passes, which the top level leaves partly out though all are
 * billed. Nothing where there are more passes than are read, or one is incomplete.
 */
export function publishIterations(values: readonly unknown[], columns: MessageColumns, usage: Usage): void {
  const count = values[columns.iterationCount];
  if (typeof count !== 'number' || count === 0) return;
  let input: number | null = count > columns.iterations.length ? null : 0;
  let output: number | null = input;
  for (let i = 0; input !== null && output !== null && i < count; i++) {
    const pass = new SplitCounts();
    pass.take(values, columns.iterations[i]!, usage);
    input = pass.wholeInput === null ? null : input + pass.wholeInput;
    output = pass.output === null ? null : output + pass.output;
  }
  const whole = input !== null && output !== null;
  setMeasure(usage, 'iterationInputTokens', whole ? input : null);
  setMeasure(usage, 'iterationOutputTokens', whole ? output : null);
}

/** The last of several columns that holds a name. */
export function lastWord(values: readonly unknown[], columns: readonly number[]): string | null {
  let word: string | null = null;
  for (const column of columns) word = statedWord(values[column]) ?? word;
  return word;
}

const LIST = new PointerList();
const COLUMNS = messageColumns(LIST);

class MessagesFold extends Fold {
  readonly #counts = new MessageCounts();

  document(values: readonly unknown[], event: string | null): void {
    const usage = this.usage;
    usage.modelServed = lastWord(values, COLUMNS.models) ?? usage.modelServed;
    usage.finishReason = lastWord(values, COLUMNS.stopReasons) ?? usage.finishReason;
    this.#counts.takeMessage(values, COLUMNS, usage);
    this.#counts.publishMessage(usage);
    publishIterations(values, COLUMNS, usage);
    const type = statedWord(values[COLUMNS.type]) ?? event;
    // A JSON answer is of type `message`; it ends with itself.
    if (type === 'message_stop' || type === 'message' || type === 'error') this.ended = true;
    if (statedWord(values[COLUMNS.errorMessage]) !== null) this.ended = true;
  }
}

export const MESSAGES_READING: UsageReading = usageReading(LIST, () => new MessagesFold());
