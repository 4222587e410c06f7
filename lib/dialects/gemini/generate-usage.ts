import type { Usage, UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { isStated, setMeasure, statedCount, statedWord, sumStated } from '../stated.ts';
import { StatedRates } from '../stated-rates.ts';

const LIST = new PointerList();
const at = (name: string): number => LIST.column(`/usageMetadata/${name}`);

const MODEL = LIST.column('/modelVersion');
const FINISH_REASON = LIST.column('/candidates/0/finishReason');
const CANDIDATE_INDEX = LIST.column('/candidates/0/index');
const BLOCK_REASON = LIST.column('/promptFeedback/blockReason');
const ERROR_MESSAGE = LIST.column('/error/message');
const PROMPT = at('promptTokenCount');
const TOOL_USE = at('toolUsePromptTokenCount');
const CANDIDATES = at('candidatesTokenCount');
const THOUGHTS = at('thoughtsTokenCount');
const CACHED = at('cachedContentTokenCount');
const TOTAL = at('totalTokenCount');
const RATES = [at('trafficType'), at('serviceTier')];
const COUNTS: readonly number[] = [PROMPT, TOOL_USE, CANDIDATES, THOUGHTS, CACHED, TOTAL];
/** Arrays of `{modality, tokenCount}`. */
const PROMPT_DETAILS = at('promptTokensDetails');
const CANDIDATE_DETAILS = at('candidatesTokensDetails');

function modalityTokens(details: unknown, modality: string, usage: Usage): number | null {
  if (!Array.isArray(details)) return null;
  let sum: number | null = null;
  for (const part of details as readonly { modality?: unknown; tokenCount?: unknown }[]) {
    if (part?.modality === modality) sum = sumStated(sum, statedCount(part.tokenCount, usage));
  }
  return sum;
}

/** `generateContent` as one object, as SSE or as one array: a chunk's counts are of the whole answer so far. */
class GenerateFold extends Fold {
  readonly #rates = new StatedRates();

  document(values: readonly unknown[]): void {
    const usage = this.usage;
    usage.modelServed = statedWord(values[MODEL]) ?? usage.modelServed;
    const reason = statedWord(values[FINISH_REASON]);
    if (reason !== null && (!isStated(values[CANDIDATE_INDEX]) || values[CANDIDATE_INDEX] === 0)) {
      usage.finishReason = reason;
      this.ended = true;
    }
    if (isStated(values[BLOCK_REASON]) || isStated(values[ERROR_MESSAGE])) this.ended = true;
    this.#rates.take(values, RATES, usage);
    // Chunks before the last may carry a `usageMetadata` without a single count; it says nothing.
    if (COUNTS.some(column => isStated(values[column]))) this.#replace(values);
  }

  /** The last counts win, whole: the prompt's own count changes from chunk to chunk. */
  #replace(values: readonly unknown[]): void {
    const usage = this.usage;
    const prompt = statedCount(values[PROMPT], usage);
    const toolUse = statedCount(values[TOOL_USE], usage);
    const thoughts = statedCount(values[THOUGHTS], usage);
    usage.inputTokens = prompt === null ? null : prompt + (toolUse ?? 0);
    // The wire leaves zeros out, so either of the two may be missing.
    usage.outputTokens = sumStated(statedCount(values[CANDIDATES], usage), thoughts);
    usage.cachedInputTokens = statedCount(values[CACHED], usage);
    usage.reasoningTokens = thoughts;
    const audioInput = modalityTokens(values[PROMPT_DETAILS], 'AUDIO', usage);
    const audioOutput = modalityTokens(values[CANDIDATE_DETAILS], 'AUDIO', usage);
    usage.audioTokens = sumStated(audioInput, audioOutput);
    setMeasure(usage, 'totalTokens', statedCount(values[TOTAL], usage));
    setMeasure(usage, 'toolUsePromptTokens', toolUse);
    setMeasure(usage, 'audioInputTokens', audioInput);
    setMeasure(usage, 'audioOutputTokens', audioOutput);
    setMeasure(usage, 'imageInputTokens', modalityTokens(values[PROMPT_DETAILS], 'IMAGE', usage));
    setMeasure(usage, 'imageOutputTokens', modalityTokens(values[CANDIDATE_DETAILS], 'IMAGE', usage));
  }
}

export const GENERATE_READING: UsageReading = usageReading(
  LIST,
  () => new GenerateFold(),
  // An event has one part as a rule; one with more has few.
  [0, 1, 2, 3].flatMap(part => [
    `/candidates/0/content/parts/${part}/text`,
    `/candidates/0/content/parts/${part}/functionCall`,
  ]),
);
