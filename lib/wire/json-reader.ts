import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SCALAR,
  SPACE,
} from './json-bytes.ts';

/** 'other' is a number, `true`, `false` or `null`; 'end' comes after the one value; 'fault' for ever once the text is no JSON. */
export type JsonToken = '{' | '}' | '[' | ']' | 'name' | 'string' | 'other' | 'end' | 'fault';

/** What may come next. */
const AT_VALUE = 0;
const AT_FIRST_NAME = 1;
const AT_FIRST_ELEMENT = 2;
const AFTER_VALUE = 3;
const AT_END = 4;
const FAULT = 5;

const IN_OBJECT = 0;
const IN_ARRAY = 1;

const OTHER = /^(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$/;
const LOWEST_CHARACTER = 0x20;
const LETTER_U = 0x75;

/** Marks what a string may hold as it is. */
const PLAIN = new Uint8Array(256).fill(1, LOWEST_CHARACTER);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;

const ESCAPED = marked('"\\/bfnrt');
const HEX_DIGIT = marked('0123456789abcdefABCDEF');

function marked(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

/**
 * Reads one JSON text that is wholly in hand, token by token, as strictly as
 * RFC 8259 has it: no byte order mark, no comments, no raw control characters,
 * nothing after the value, at most `depthMax` containers in one another. Names
 * and strings are given as they are written out, so a reader sees every member
 * of an object, repeated ones too. That the bytes are UTF-8 is for the caller
 * to have checked.
 */
export class JsonReader {
  /** Containers that are open after the last token. */
  depth = 0;
  /** Where the last token stands, quotes included; `end` is exclusive. */
  start = 0;
  end = 0;
  /** The last name or string holds an escape. */
  escaped = false;
  readonly #bytes: Buffer;
  /** Of the open containers, outermost first. */
  readonly #kinds: Uint8Array;
  #at = 0;
  #state = AT_VALUE;

  constructor(bytes: Buffer, depthMax: number) {
    this.#bytes = bytes;
    this.#kinds = new Uint8Array(depthMax);
  }

  /** The last name or string. */
  text(): string {
    if (!this.escaped) return this.#bytes.toString('utf8', this.start + 1, this.end - 1);
    return JSON.parse(this.#bytes.toString('utf8', this.start, this.end)) as string;
  }

  next(): JsonToken {
    const byte = this.#significant();
    switch (this.#state) {
      case AT_VALUE:
        return this.#value(byte);
      case AT_FIRST_NAME:
        return byte === CLOSE_BRACE ? this.#close('}') : this.#name(byte);
      case AT_FIRST_ELEMENT:
        return byte === CLOSE_BRACKET ? this.#close(']') : this.#value(byte);
      case AFTER_VALUE:
        return this.#afterValue(byte);
      case AT_END:
        return byte === undefined ? 'end' : this.#fault();
      default:
        return 'fault';
    }
  }

  /** The next byte that is no white space; undefined at the end of the text. */
  #significant(): number | undefined {
    while (SPACE[this.#bytes[this.#at]!] === 1) this.#at++;
    return this.#bytes[this.#at];
  }

  #fault(): 'fault' {
    this.#state = FAULT;
    return 'fault';
  }

  #afterValue(byte: number | undefined): JsonToken {
    const isArray = this.#kinds[this.depth - 1] === IN_ARRAY;
    if (byte === (isArray ? CLOSE_BRACKET : CLOSE_BRACE)) return this.#close(isArray ? ']' : '}');
    if (byte !== COMMA) return this.#fault();
    this.#at++;
    const next = this.#significant();
    return isArray ? this.#value(next) : this.#name(next);
  }

  #name(byte: number | undefined): JsonToken {
    if (byte !== QUOTE || !this.#string() || this.#significant() !== COLON) return this.#fault();
    this.#at++;
    this.#state = AT_VALUE;
    return 'name';
  }

  #value(byte: number | undefined): JsonToken {
    switch (byte) {
      case OPEN_BRACE:
        return this.#open('{', IN_OBJECT, AT_FIRST_NAME);
      case OPEN_BRACKET:
        return this.#open('[', IN_ARRAY, AT_FIRST_ELEMENT);
      case QUOTE:
        return this.#string() ? this.#ended('string') : this.#fault();
      default:
        return this.#other() ? this.#ended('other') : this.#fault();
    }
  }

  #open(token: '{' | '[', kind: number, state: number): JsonToken {
    if (this.depth === this.#kinds.length) return this.#fault();
    this.#kinds[this.depth++] = kind;
    this.#state = state;
    this.#take(this.#at + 1);
    return token;
  }

  #close(token: '}' | ']'): JsonToken {
    this.depth--;
    this.#take(this.#at + 1);
    return this.#ended(token);
  }

  #ended(token: JsonToken): JsonToken {
    this.#state = this.depth === 0 ? AT_END : AFTER_VALUE;
    return token;
  }

  #take(end: number): void {
    this.start = this.#at;
    this.end = end;
    this.#at = end;
  }

  #other(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    while (SCALAR[bytes[at]!] === 1) at++;
    if (!OTHER.test(bytes.toString('latin1', this.#at, at))) return false;
    this.#take(at);
    return true;
  }

  /** From the opening quote on; false where it is malformed or unfinished. */
  #string(): boolean {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    this.escaped = false;
    for (;;) {
      at = passPlain(bytes, at);
      const byte = bytes[at];
      if (byte === QUOTE) break;
      const length = byte === BACKSLASH ? escapeLength(bytes, at) : 0;
      if (length === 0) return false;
      this.escaped = true;
      at += length;
    }
    this.#take(at + 1);
    return true;
  }
}

/** A function of its own, so that it is compiled as the tight loop it is. */
function passPlain(bytes: Buffer, at: number): number {
  while (PLAIN[bytes[at]!] === 1) at++;
  return at;
}

/** The bytes of the escape that begins at `at`, 0 for none. */
function escapeLength(bytes: Buffer, at: number): number {
  if (ESCAPED[bytes[at + 1]!] === 1) return 2;
  if (bytes[at + 1] !== LETTER_U) return 0;
  for (let i = at + 2; i < at + 6; i++) if (HEX_DIGIT[bytes[i]!] !== 1) return 0;
  return 6;
}
