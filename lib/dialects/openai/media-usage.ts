import type { UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { setMeasure, statedWord } from '../stated.ts';
import {
  hasUsage,
  INPUT_ONLY_WORDS,
  MEDIA_WORDS,
  PLAIN_RULES,
  replaceUsage,
  type UsageBlock,
  type UsageReadingRules,
  usageBlock,
} from './usage-block.ts';

/** The last event of a streamed image, transcription or speech. */
const LAST_EVENTS: ReadonlySet<string> = new Set([
  'image_generation.completed',
  'image_edit.completed',
  'transcript.text.done',
  'speech.audio.done',
  'error',
]);
const INPUT_ONLY_RULES: UsageReadingRules = { ...PLAIN_RULES, inputIsTotal: true };

interface MediaColumns {
  readonly model: number;
  readonly type: number;
  readonly errorMessage: number;
  /** Images in the answer; null where the endpoint returns none. */
  readonly imageCount: number | null;
  readonly usage: UsageBlock;
}

/** An answer with one usage object at its top: embeddings, rerank, images, audio. */
class MediaFold extends Fold {
  readonly #columns: MediaColumns;
  readonly #rules: UsageReadingRules;

  constructor(columns: MediaColumns, rules: UsageReadingRules) {
    super();
    this.#columns = columns;
    this.#rules = rules;
  }

  document(values: readonly unknown[], event: string | null): void {
    const columns = this.#columns;
    const type = statedWord(values[columns.type]) ?? event;
    if (type !== null && LAST_EVENTS.has(type)) this.ended = true;
    if (statedWord(values[columns.errorMessage]) !== null) this.ended = true;
    this.usage.modelServed = statedWord(values[columns.model]) ?? this.usage.modelServed;
    if (hasUsage(values, columns.usage)) replaceUsage(values, columns.usage, this.usage, this.#rules);
    if (columns.imageCount !== null) this.#countImages(values[columns.imageCount], type);
  }

  /** A JSON answer lists its images; a stream has one last event for each. */
  #countImages(listed: unknown, type: string | null): void {
    const { measures } = this.usage;
    if (typeof listed === 'number') setMeasure(this.usage, 'images', listed);
    else if (type === 'image_generation.completed' || type === 'image_edit.completed') {
      measures.images = (measures.images ?? 0) + 1;
    }
  }
}

function mediaReading(inputOnly: boolean, images: boolean): UsageReading {
  const list = new PointerList();
  const columns: MediaColumns = {
    model: list.column('/model'),
    type: list.column('/type'),
    errorMessage: list.column('/error/message'),
    imageCount: images ? list.column('/data/-/#') : null,
    usage: usageBlock(list, '/usage', inputOnly ? INPUT_ONLY_WORDS : MEDIA_WORDS),
  };
  const rules = inputOnly ? INPUT_ONLY_RULES : PLAIN_RULES;
  return usageReading(list, () => new MediaFold(columns, rules));
}

/** Embeddings and rerank: nothing but input, and some providers state only the total. */
export const INPUT_ONLY_READING: UsageReading = mediaReading(true, false);
export const IMAGES_READING: UsageReading = mediaReading(false, true);
export const AUDIO_READING: UsageReading = mediaReading(false, false);
