import type { Endpoint } from '../../pipeline/index.ts';
import { JsonReader } from '../../wire/index.ts';
import { contentOf, kindOfType, kindOfWord, type MediaKind } from './media-kind.ts';
import { StatedBounds, type StatedValue } from './stated-bounds.ts';

/** What bounds the tokens of a request. */
export interface BodyBound {
  /** Bytes that may be text: no byte-level tokenizer makes more tokens of them. */
  readonly textBytes: number;
  readonly images: number;
  /** Audio and video too. */
  readonly files: number;
  /** Things stored at the provider that the request brings in. */
  readonly references: number;
  /** The most output tokens of one answer, null where it is not said. */
  readonly outputTokens: number | null;
  /** Who reads it another way may find that nothing is said. */
  readonly mayAnswerMore: boolean;
  /** How many answers it asks for, at least 1. */
  readonly answers: number;
  /** Images, audio or files come or are asked for. */
  readonly hasMedia: boolean;
  /** It names a second model: which of them runs, only the provider knows. */
  readonly hasOtherModel: boolean;
}

/** Readers give up at very different depths; deeper, all of the body counts as text. */
const DEPTH_MAX = 512;
/** Members that ask for answers in sound or pictures. */
const MODALITIES: ReadonlySet<string> = new Set(['modalities', 'responseModalities', 'response_modalities']);
/** Members that say what a payload beside them is. */
const MEDIA_TYPES: ReadonlySet<string> = new Set(['media_type', 'mime_type', 'mimeType']);
/** Not the start of any pointer. */
const NOWHERE = '\0';
/** Members that state bounds stand no deeper. */
const POINTER_DEPTH_MAX = 3;

/** An open object or array, used again for each at its depth. */
interface Frame {
  /** Under which it stands; of an array's elements the array's. */
  name: string;
  /** Pointer of the object, `NOWHERE` where none can lead. */
  path: string;
  /** What was found out about the media in it. */
  kind: MediaKind | null;
  payloads: number;
  links: number;
  /** Prompts in this array; null where it is no list of prompts. */
  prompts: number | null;
}

/**
 * Reads a JSON body for what bounds its tokens, member by member: repeated
 * names are all seen, and of several statements the largest counts. What turns
 * out not to be JSON is text as a whole.
 */
export class BodyReading {
  readonly #body: Buffer;
  readonly #reader: JsonReader;
  readonly #endpoint: Endpoint;
  readonly #references: ReadonlySet<string>;
  readonly #bounds: StatedBounds;
  readonly #frames: Frame[] = [newFrame()];
  #depth = 0;
  #name = '';
  #mediaBytes = 0;
  #images = 0;
  #files = 0;
  #referenced = 0;
  #prompts = 1;
  #asksForMedia = false;
  #isBroken = false;

  constructor(body: Buffer, endpoint: Endpoint) {
    this.#body = body;
    this.#reader = new JsonReader(body, DEPTH_MAX);
    this.#endpoint = endpoint;
    this.#bounds = new StatedBounds(endpoint);
    this.#references = endpoint.state?.references ?? new Set();
  }

  get result(): BodyBound {
    const { outputTokens, mayAnswerMore, answers, hasOtherModel } = this.#bounds;
    const media = this.#isBroken ? 0 : this.#mediaBytes;
    return {
      textBytes: this.#body.length - media,
      images: this.#images,
      files: this.#files,
      references: this.#referenced,
      outputTokens,
      // What cannot be read whole may state something else further on.
      mayAnswerMore: mayAnswerMore || this.#isBroken,
      answers: answers * this.#prompts,
      hasMedia: this.#images + this.#files > 0 || this.#asksForMedia,
      hasOtherModel,
    };
  }

  /** Reads on, as far as the offset or somewhat further; false while there is more. */
  readTo(offset: number): boolean {
    while (this.#reader.end < offset) if (!this.#step()) return true;
    return false;
  }

  #step(): boolean {
    const token = this.#reader.next();
    switch (token) {
      case 'name':
        this.#name = this.#reader.text();
        if (MODALITIES.has(this.#name)) this.#asksForMedia = true;
        return true;
      case '{':
      case '[':
        this.#open(token === '{');
        return true;
      case '}':
      case ']':
        this.#close();
        return true;
      case 'string':
        this.#string();
        return true;
      case 'other':
        this.#other();
        return true;
      case 'end':
        this.#finish();
        return false;
      case 'fault':
        this.#isBroken = true;
        this.#finish();
        return false;
    }
  }

  #open(isObject: boolean): void {
    const parent = this.#frames[this.#depth]!;
    this.#heed('container');
    if (parent.prompts !== null) parent.prompts++;
    const { answerLists } = this.#endpoint;
    const isPrompts = !isObject && answerLists.includes(`${parent.path}/${this.#name}`);
    this.#depth++;
    this.#frames[this.#depth] ??= newFrame();
    const frame = this.#frames[this.#depth]!;
    frame.name = this.#name;
    frame.path = pathWithin(parent.path, this.#name, this.#depth, isObject);
    frame.kind = null;
    frame.payloads = 0;
    frame.links = 0;
    frame.prompts = isPrompts ? 0 : null;
  }

  /** What is in it is of the kind that its type or name says; else of the kind of what surrounds it. */
  #close(): void {
    const frame = this.#frames[this.#depth]!;
    this.#depth--;
    const parent = this.#frames[this.#depth]!;
    const kind = frame.kind ?? (frame.payloads + frame.links > 0 ? kindOfWord(frame.name) : null);
    if (kind === null) {
      parent.payloads += frame.payloads;
      parent.links += frame.links;
    } else this.#count(kind, frame.payloads + frame.links);
    if (frame.prompts !== null) this.#prompts = Math.max(this.#prompts, frame.prompts);
    this.#name = parent.name;
  }

  #count(kind: MediaKind, count: number): void {
    if (kind === 'image') this.#images += count;
    else this.#files += count;
  }

  /** A payload that nothing says more about is a file; a link is no media at all. */
  #finish(): void {
    while (this.#depth > 0) this.#close();
    this.#files += this.#frames[0]!.payloads;
  }

  #string(): void {
    const { start, end } = this.#reader;
    const frame = this.#frames[this.#depth]!;
    const name = this.#name;
    this.#heed('string');
    if (frame.prompts !== null) frame.prompts++;
    if (MEDIA_TYPES.has(name)) frame.kind = kindOfType(this.#reader.text());
    else if (name === 'type') frame.kind ??= end - start < 64 ? kindOfWord(this.#reader.text()) : null;
    const content = contentOf(name, this.#body, start + 1, end - 1);
    if (content === 'image' || content === 'file') {
      this.#count(content, 1);
      this.#mediaBytes += end - start;
    } else if (content === 'payload') {
      frame.payloads++;
      this.#mediaBytes += end - start;
    } else if (content === 'link') {
      if (kindOfWord(name) === null) frame.links++;
      else this.#count(kindOfWord(name)!, 1);
    }
    if (content === 'text' && end - start > 2 && this.#isReference(name)) this.#referenced++;
    this.#afterValue();
  }

  /** The member itself, or the `id` of the object that it holds. */
  #isReference(name: string): boolean {
    if (this.#references.size === 0) return false;
    return (
      this.#references.has(name) || (name === 'id' && this.#references.has(this.#frames[this.#depth]!.name))
    );
  }

  #other(): void {
    this.#heed('other');
    this.#afterValue();
  }

  /** Notes what stands where a bound or the model may be stated. */
  #heed(kind: StatedValue['kind']): void {
    const { path } = this.#frames[this.#depth]!;
    if (path === NOWHERE) return;
    const pointer = `${path}/${this.#name}`;
    const bounds = this.#bounds;
    if (!bounds.heeds(pointer)) return;
    if (kind === 'container') bounds.note(pointer, { kind });
    else if (kind === 'string') bounds.note(pointer, { kind, text: this.#reader.text() });
    else {
      const { start, end } = this.#reader;
      bounds.note(pointer, { kind, text: this.#body.toString('latin1', start, end) });
    }
  }

  /** Elements of an array have its name. */
  #afterValue(): void {
    this.#name = this.#frames[this.#depth]!.name;
  }
}

function newFrame(): Frame {
  return { name: '', path: '', kind: null, payloads: 0, links: 0, prompts: null };
}

/** `depth` is that of the new container, the root's 1. */
function pathWithin(parent: string, name: string, depth: number, isObject: boolean): string {
  if (!isObject || parent === NOWHERE || depth > POINTER_DEPTH_MAX) return NOWHERE;
  return depth === 1 ? '' : `${parent}/${name}`;
}
