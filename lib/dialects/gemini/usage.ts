import type { UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { isStated, setMeasure, statedCount, statedWord, sumStated } from '../stated.ts';

/** Text, image, audio, video, document and the unspecified one. */
const MODALITIES = 6;

/** One array of `{modality, tokenCount}`. */
type ModalityColumns = readonly (readonly [modality: number, tokens: number])[];

const LIST = new PointerList();
const at = (name: string): number => LIST.column(`/usageMetadata/${name}`);

function modalityColumns(name: string): ModalityColumns {
  return Array.from({ length: MODALITIES }, (_, i) => [
    at(`${name}/${i}/modality`),
    at(`${name}/${i}/tokenCount`),
  ]);
}

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
const COUNTS: readonly number[] = [PROMPT, TOOL_USE, CANDIDATES, THOUGHTS, CACHED, TOTAL];
const PROMPT_DETAILS = modalityColumns('promptTokensDetails');
const CANDIDATE_DETAILS = modalityColumns('candidatesTokensDetails');

/** `generateContent` as one object, as SSE or as one array: a chunk's counts are of the whole answer so far. */
class GenerateFold extends Fold {
  document(values: readonly unknown[]): void {
    const usage = this.usage;
    usage.modelServed = statedWord(values[MODEL]) ?? usage.modelServed;
    const reason = statedWord(values[FINISH_REASON]);
    if (reason !== null && (!isStated(values[CANDIDATE_INDEX]) || values[CANDIDATE_INDEX] === 0)) {
      usage.finishReason = reason;
      this.ended = true;
    }
    if (isStated(values[BLOCK_REASON]) || isStated(values[ERROR_MESSAGE])) this.ended = true;
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
    const audioInput = this.#modality(values, PROMPT_DETAILS, 'AUDIO');
    const audioOutput = this.#modality(values, CANDIDATE_DETAILS, 'AUDIO');
    usage.audioTokens = sumStated(audioInput, audioOutput);
    setMeasure(usage, 'totalTokens', statedCount(values[TOTAL], usage));
    setMeasure(usage, 'toolUsePromptTokens', toolUse);
    setMeasure(usage, 'audioInputTokens', audioInput);
    setMeasure(usage, 'audioOutputTokens', audioOutput);
    setMeasure(usage, 'imageInputTokens', this.#modality(values, PROMPT_DETAILS, 'IMAGE'));
    setMeasure(usage, 'imageOutputTokens', this.#modality(values, CANDIDATE_DETAILS, 'IMAGE'));
  }

  #modality(values: readonly unknown[], columns: ModalityColumns, modality: string): number | null {
    let sum: number | null = null;
    for (const [name, tokens] of columns) {
      if (values[name] === modality) sum = sumStated(sum, statedCount(values[tokens], this.usage));
    }
    return sum;
  }
}

export const GENERATE_READING: UsageReading = usageReading(LIST, () => new GenerateFold());
