import { isUtf8 } from 'node:buffer';
import { JsonReader } from '../wire/index.ts';
import { innerKind, type NameKind, outerKind, talkKind } from './model-names.ts';
import type { ModelStatements } from './model-statements.ts';

/** Readers give up at very different depths; no honest request is nested like this. */
const DEPTH_MAX = 512;

/** What is known of an open container. */
const TALK = 1;
const ARRAY = 2;
/** Strings in it name models. */
const NAMES = 4;
/** It holds nothing but strings. */
const STRINGS_ONLY = 8;
/** It says what stands in for the model: lists of strings in it name models too. */
const FALLBACK = 16;

/** Of a short name that is written in escapes only. */
const TALK_NAME_BYTES_MAX = 64;

const LETTER_N = 0x6e;
const LETTER_F = 0x66;

/**
 * Reads the models out of a JSON body: the member `model` of the root, the list
 * `models`, and every string further in whose name says that it is a model,
 * except in what is said to the model. The body must be exactly one object that
 * every reader sees alike.
 */
export class JsonModels {
  readonly #body: Buffer;
  readonly #reader: JsonReader;
  readonly #into: ModelStatements;
  /** By depth, the root's at 1. */
  readonly #marks = new Uint8Array(DEPTH_MAX + 1);
  /** Of the member whose value comes next. */
  #kind: NameKind = 'none';
  #hasModel = false;
  #hasModels = false;

  constructor(body: Buffer, into: ModelStatements) {
    this.#body = body;
    this.#reader = new JsonReader(body, DEPTH_MAX);
    this.#into = into;
    if (!isUtf8(body)) into.fail('the body is no UTF-8');
  }

  /** Reads on, as far as the offset or somewhat further; false while there is more. */
  readTo(offset: number): boolean {
    while (this.#reader.end < offset && this.#into.doubt === null) {
      if (this.#token()) return true;
    }
    return this.#into.doubt !== null;
  }

  /** True at the end of the body. */
  #token(): boolean {
    const token = this.#reader.next();
    switch (token) {
      case 'name':
        this.#name();
        break;
      case 'string':
        this.#string();
        break;
      case 'other':
        this.#other();
        break;
      case '{':
      case '[':
        this.#open(token === '[');
        break;
      case 'end':
        return true;
      case 'fault':
        this.#into.fail('the body is not one JSON object');
    }
    return false;
  }

  #name(): void {
    const { depth, start, end } = this.#reader;
    const inTalk = (this.#marks[depth]! & TALK) !== 0;
    if (inTalk && end - start > TALK_NAME_BYTES_MAX) {
      this.#kind = 'none';
      return;
    }
    const name = this.#reader.text();
    this.#kind = inTalk ? talkKind(name) : depth === 1 ? outerKind(name) : innerKind(name);
    if (this.#kind === 'lookalike') this.#into.fail('a member is called almost like model');
    const isTwice =
      (this.#kind === 'model' && this.#hasModel) || (this.#kind === 'models' && this.#hasModels);
    if (isTwice) this.#into.fail(`${this.#kind} is stated twice`);
    if (this.#kind === 'model') this.#hasModel = true;
    if (this.#kind === 'models') this.#hasModels = true;
  }

  #string(): void {
    switch (this.#takeKind()) {
      case 'model':
        this.#into.own(this.#reader.text());
        break;
      case 'further':
      case 'fallback':
        this.#into.add(this.#reader.text());
        break;
      case 'models':
        this.#into.fail('models is no list');
        break;
      case 'chooser':
        this.#into.fail('something stored at the provider chooses the model');
        break;
      default:
        if (this.#reader.depth === 0) this.#into.fail('the body is not one JSON object');
        else if ((this.#marks[this.#reader.depth]! & NAMES) !== 0) this.#into.add(this.#reader.text());
    }
  }

  /** Null and false state nothing, where they are allowed at all. */
  #other(): void {
    const kind = this.#takeKind();
    const first = this.#body[this.#reader.start];
    const isNothing = first === LETTER_N || first === LETTER_F;
    if (this.#reader.depth === 0) this.#into.fail('the body is not one JSON object');
    else if (kind === 'model') this.#into.fail('model is no string');
    else if (kind === 'models' && first !== LETTER_N) this.#into.fail('models is no list');
    else if (kind === 'chooser' && !isNothing)
      this.#into.fail('something stored at the provider chooses the model');
    else if ((this.#marks[this.#reader.depth]! & STRINGS_ONLY) !== 0)
      this.#into.fail('models holds more than strings');
  }

  #open(isArray: boolean): void {
    const kind = this.#takeKind();
    const { depth } = this.#reader;
    const parent = depth === 1 ? 0 : this.#marks[depth - 1]!;
    if (depth === 1 && isArray) this.#into.fail('the body is not one JSON object');
    if ((parent & STRINGS_ONLY) !== 0) this.#into.fail('models holds more than strings');
    if (kind === 'model') this.#into.fail('model is no string');
    if (kind === 'models' && !isArray) this.#into.fail('models is no list');
    if (kind === 'chooser') this.#into.fail('something stored at the provider chooses the model');
    this.#marks[depth] = isArray ? ARRAY | arrayMarks(kind, parent) : objectMarks(kind, parent);
  }

  #takeKind(): NameKind {
    const kind = this.#kind;
    this.#kind = 'none';
    return kind;
  }
}

function objectMarks(kind: NameKind, parent: number): number {
  if (kind === 'talk') return TALK;
  if (kind === 'fallback') return FALLBACK;
  // A schema may well describe a parameter called model: its members are no models.
  return kind === 'none' ? parent & (TALK | FALLBACK) : 0;
}

function arrayMarks(kind: NameKind, parent: number): number {
  switch (kind) {
    case 'models':
      return NAMES | STRINGS_ONLY;
    case 'further':
      return NAMES;
    case 'fallback':
      return NAMES | FALLBACK;
    case 'none': {
      const inherited = parent & (TALK | FALLBACK);
      const isWithin = (parent & FALLBACK) !== 0 || (parent & (ARRAY | NAMES)) === (ARRAY | NAMES);
      return isWithin ? inherited | NAMES : inherited;
    }
    default:
      return objectMarks(kind, parent);
  }
}
