import type { Usage } from '../../pipeline/index.ts';
import type { PointerList } from '../pointer-list.ts';
import {
  firstCount,
  isStated,
  setMeasure,
  statedScaled,
  statedSeconds,
  statedUsd,
  sumStated,
} from '../stated.ts';

/** The columns of one usage object, each quantity under all the names it goes by. */
export interface UsageBlock {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly total: readonly number[];
  readonly cached: readonly number[];
  readonly cacheWrite: readonly number[];
  readonly reasoning: readonly number[];
  readonly audioInput: readonly number[];
  readonly audioOutput: readonly number[];
  readonly imageInput: readonly number[];
  readonly imageOutput: readonly number[];
  /** In USD: a number, or an object with a total. */
  readonly cost: readonly number[];
  /** In 10⁻¹⁰ USD. */
  readonly costTicks: readonly number[];
  readonly seconds: readonly number[];
  readonly all: readonly number[];
}

/** How one endpoint spells a usage object. */
export interface UsageWords {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly inputDetails: readonly string[];
  readonly outputDetails: readonly string[];
}

export const CHAT_WORDS: UsageWords = {
  input: ['prompt_tokens'],
  output: ['completion_tokens'],
  inputDetails: ['prompt_tokens_details'],
  outputDetails: ['completion_tokens_details'],
};

export const RESPONSES_WORDS: UsageWords = {
  input: ['input_tokens'],
  output: ['output_tokens'],
  inputDetails: ['input_tokens_details'],
  outputDetails: ['output_tokens_details'],
};

/** Images and audio: the spelling differs by provider, and audio drops a plural. */
export const MEDIA_WORDS: UsageWords = {
  input: ['input_tokens', 'prompt_tokens'],
  output: ['output_tokens', 'completion_tokens'],
  inputDetails: ['input_tokens_details', 'input_token_details', 'prompt_tokens_details'],
  outputDetails: ['output_tokens_details', 'output_token_details', 'completion_tokens_details'],
};

/** Embeddings and rerank have no output. */
export const INPUT_ONLY_WORDS: UsageWords = {
  input: ['prompt_tokens', 'input_tokens'],
  output: [],
  inputDetails: ['prompt_tokens_details'],
  outputDetails: [],
};

function details(parents: readonly string[], leaves: readonly string[]): readonly string[] {
  return parents.flatMap(parent => leaves.map(leaf => `${parent}/${leaf}`));
}

/** Registers the columns of the usage object at `prefix`. */
export function usageBlock(list: PointerList, prefix: string, words: UsageWords): UsageBlock {
  const at = (names: readonly string[]): readonly number[] => list.columns(prefix, names);
  const inside = words.inputDetails;
  const outside = words.outputDetails;
  const block = {
    input: at(words.input),
    output: at(words.output),
    total: at(['total_tokens']),
    cached: at([
      ...details(inside, ['cached_tokens']),
      'cached_tokens',
      'num_cached_tokens',
      'prompt_cache_hit_tokens',
      'cache_read_input_tokens',
    ]),
    cacheWrite: at([
      ...details(inside, ['cache_write_tokens', 'cache_creation_input_tokens']),
      'cache_creation_input_tokens',
    ]),
    reasoning: at([...details(outside, ['reasoning_tokens']), 'reasoning_tokens']),
    audioInput: at(details(inside, ['audio_tokens'])),
    audioOutput: at(details(outside, ['audio_tokens'])),
    imageInput: at(details(inside, ['image_tokens'])),
    imageOutput: at(details(outside, ['image_tokens'])),
    cost: at(['cost', 'cost/total_cost']),
    costTicks: at(['cost_in_usd_ticks']),
    seconds: at(['seconds', 'prompt_audio_seconds']),
  };
  return { ...block, all: Object.values(block).flat() };
}

/** A usage object of which only the totals are known to exist: fewer columns on a path that is hot. */
export function totalsBlock(list: PointerList, prefix: string): UsageBlock {
  const at = (names: readonly string[]): readonly number[] => list.columns(prefix, names);
  const block = {
    input: at(['prompt_tokens']),
    output: at(['completion_tokens']),
    total: at(['total_tokens']),
    cached: at(['prompt_tokens_details/cached_tokens', 'cached_tokens']),
    reasoning: at(['completion_tokens_details/reasoning_tokens']),
  };
  const none = { cacheWrite: [], audioInput: [], audioOutput: [], imageInput: [], imageOutput: [], cost: [] };
  return { ...block, ...none, costTicks: [], seconds: [], all: Object.values(block).flat() };
}

/** Whether the document has this usage object with anything in it: `null` and `{}` say nothing. */
export function hasUsage(values: readonly unknown[], block: UsageBlock): boolean {
  for (const column of block.all) if (isStated(values[column])) return true;
  return false;
}

/** Where a provider's numbers do not mean what the field says. */
export interface UsageReadingRules {
  /** The output leaves reasoning out. */
  readonly reasoningOutsideOutput: boolean;
  /** The output leaves reasoning out and does not say how much: only the total holds it. */
  readonly outputIsTotalMinusInput: boolean;
  /** The input leaves audio out wherever the total proves it. */
  readonly audioOutsideInput: boolean;
  /** There is no output, so a total alone is the input. */
  readonly inputIsTotal: boolean;
}

export const PLAIN_RULES: UsageReadingRules = {
  reasoningOutsideOutput: false,
  outputIsTotalMinusInput: false,
  audioOutsideInput: false,
  inputIsTotal: false,
};

function costNanos(values: readonly unknown[], block: UsageBlock, usage: Usage): number | null {
  for (const column of block.cost) {
    const nanos = statedUsd(values[column], usage);
    if (nanos !== null) return nanos;
  }
  for (const column of block.costTicks) {
    const nanos = statedScaled(values[column], -1, Number.MAX_SAFE_INTEGER, usage);
    if (nanos !== null) return nanos;
  }
  return null;
}

function firstSeconds(values: readonly unknown[], block: UsageBlock, usage: Usage): number | null {
  for (const column of block.seconds) {
    const ms = statedSeconds(values[column], usage);
    if (ms !== null) return ms;
  }
  return null;
}

/** Replaces what an earlier usage object said by this one: the last object wins, whole. */
export function replaceUsage(
  values: readonly unknown[],
  block: UsageBlock,
  usage: Usage,
  rules: UsageReadingRules,
): void {
  const read = (columns: readonly number[]): number | null => firstCount(values, columns, usage);
  const total = read(block.total);
  const reasoning = read(block.reasoning);
  const audioInput = read(block.audioInput);
  const audioOutput = read(block.audioOutput);
  let input = read(block.input);
  let output = read(block.output);
  if (rules.inputIsTotal) input ??= total;
  if (rules.audioOutsideInput && input !== null && output !== null && audioInput !== null) {
    if (total === input + audioInput + output) input += audioInput;
  }
  if (rules.outputIsTotalMinusInput && total !== null && input !== null && total >= input)
    output = total - input;
  else if (rules.reasoningOutsideOutput && output !== null) output += reasoning ?? 0;
  usage.inputTokens = input;
  usage.outputTokens = output;
  usage.cachedInputTokens = read(block.cached);
  usage.cacheWriteTokens = read(block.cacheWrite);
  usage.reasoningTokens = reasoning;
  usage.audioTokens = sumStated(audioInput, audioOutput);
  usage.costNanos = costNanos(values, block, usage);
  setMeasure(usage, 'totalTokens', total);
  setMeasure(usage, 'audioInputTokens', audioInput);
  setMeasure(usage, 'audioOutputTokens', audioOutput);
  setMeasure(usage, 'imageInputTokens', read(block.imageInput));
  setMeasure(usage, 'imageOutputTokens', read(block.imageOutput));
  setMeasure(usage, 'audioMs', firstSeconds(values, block, usage));
}
