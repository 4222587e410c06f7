import type { Usage, UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { type SplitColumns, SplitCounts } from '../split-counts.ts';
import { setMeasure, statedCount, statedUsd, statedWord } from '../stated.ts';
import { StatedRates } from '../stated-rates.ts';

/** The columns of one usage object; it stands in the body, in `/message` of the first event and in later events. */
interface UsageColumns extends SplitColumns {
  readonly thinking: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
  readonly webSearches: number;
  readonly cost: number;
  readonly rates: readonly number[];
}

/** Every column of a message answer, JSON or stream. */
export interface MessageColumns {
  readonly type: number;
  readonly models: readonly number[];
  readonly stopReasons: readonly number[];
  readonly errorMessage: number;
  readonly usages: readonly UsageColumns[];
  /** The array of passes: compaction, advisors, fallbacks and the message itself. */
  readonly iterations: number;
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
      rates: list.columns(prefix, ['service_tier', 'speed', 'inference_geo']),
    })),
    iterations: list.column('/usage/iterations'),
  };
}

/** What a message answer has said so far, field by field: each later non-null field overrides the earlier one. */
export class MessageCounts extends SplitCounts {
  #thinking: number | null = null;
  #cacheWrite5m: number | null = null;
  #cacheWrite1h: number | null = null;
  #webSearches: number | null = null;
  #costNanos: number | null = null;
  readonly #rates = new StatedRates();

  takeMessage(values: readonly unknown[], columns: MessageColumns, usage: Usage): void {
    for (const place of columns.usages) {
      this.take(values, place, usage);
      this.#thinking = statedCount(values[place.thinking], usage) ?? this.#thinking;
      this.#cacheWrite5m = statedCount(values[place.cacheWrite5m], usage) ?? this.#cacheWrite5m;
      this.#cacheWrite1h = statedCount(values[place.cacheWrite1h], usage) ?? this.#cacheWrite1h;
      this.#webSearches = statedCount(values[place.webSearches], usage) ?? this.#webSearches;
      this.#costNanos = statedUsd(values[place.cost], usage) ?? this.#costNanos;
      this.#rates.take(values, place.rates, usage);
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

/** One pass as columns: the same names as in a usage object. */
const PASS_NAMES = [
  'input_tokens',
  'output_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
] as const;
const PASS_COLUMNS: SplitColumns = { input: [0], output: [1], cacheRead: [2], cacheWrite: [3] };

function passCounts(pass: unknown, usage: Usage): SplitCounts {
  const counts = new SplitCounts();
  if (typeof pass !== 'object' || pass === null) return counts;
  const members = pass as Readonly<Record<string, unknown>>;
  counts.take(
    PASS_NAMES.map(name => members[name]),
    PASS_COLUMNS,
    usage,
  );
  return counts;
}

/**
 * The sum over all passes, which the top level leaves partly out though all are
 * billed. Nothing where one of them is incomplete.
 */
export function publishIterations(values: readonly unknown[], columns: MessageColumns, usage: Usage): void {
  const passes = values[columns.iterations];
  if (!Array.isArray(passes) || passes.length === 0) return;
  let input: number | null = 0;
  let output: number | null = 0;
  for (const pass of passes) {
    const counts = passCounts(pass, usage);
    input = input === null || counts.wholeInput === null ? null : input + counts.wholeInput;
    output = output === null || counts.output === null ? null : output + counts.output;
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

/** Nearly every event of a stream, and never one with counts. */
export const CONTENT_EVENT = 'content_block_delta';

/** What the model wrote, in the events of a stream. */
export const MESSAGE_TEXT: readonly string[] = ['/delta/text', '/delta/thinking', '/delta/partial_json'];

class MessagesFold extends Fold {
  readonly #counts = new MessageCounts();

  document(values: readonly unknown[], event: string | null): void {
    const usage = this.usage;
    const type = statedWord(values[COLUMNS.type]) ?? event;
    if (type === CONTENT_EVENT) return;
    usage.modelServed = lastWord(values, COLUMNS.models) ?? usage.modelServed;
    usage.finishReason = lastWord(values, COLUMNS.stopReasons) ?? usage.finishReason;
    this.#counts.takeMessage(values, COLUMNS, usage);
    this.#counts.publishMessage(usage);
    publishIterations(values, COLUMNS, usage);
    // A JSON answer is of type `message`; it ends with itself.
    if (type === 'message_stop' || type === 'message' || type === 'error') this.ended = true;
    if (statedWord(values[COLUMNS.errorMessage]) !== null) this.ended = true;
  }
}

export const MESSAGES_READING: UsageReading = usageReading(LIST, () => new MessagesFold(), MESSAGE_TEXT);
