import { Composer, type CST, type Document, type ErrorCode, Lexer, type ParsedNode, Parser } from 'yaml';
import { MAX_DEPTH } from './fault.ts';
import { MAX_FILE_BYTES } from './read-capped.ts';

/** About 30,000 lines of `key: value`; parsing time grows with it. */
const MAX_LEXEMES = 250_000;

/** Everything YAML 1.2 does not count as printable (c-printable), and lone surrogates. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]|\p{Surrogate}/u;

/** The parser's own words may quote the file, where a secret may stand; these never do. */
const MESSAGES: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias takes neither a tag nor an anchor',
  BAD_ALIAS: 'this anchor or alias has no usable name',
  BAD_COLLECTION_TYPE: 'tags (!) are not supported',
  BAD_DIRECTIVE: 'directives (%) are not supported',
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted text: use single quotes, or double the backslash',
  BAD_INDENT: 'the indentation does not fit the lines above',
  BAD_SCALAR_START: 'a value cannot start with this character: quote it',
  BLOCK_AS_IMPLICIT_KEY:
    'a value cannot hold another key: quote it, or check the indentation of the next line',
  BLOCK_IN_FLOW: 'an indented block cannot stand inside [ ] or { }',
  KEY_OVER_1024_CHARS: 'this key is far too long',
  MISSING_CHAR:
    'something is missing here: ":" and a space after a key, a comma, or a closing quote or bracket',
  MULTILINE_IMPLICIT_KEY: 'a key stands on one line, with ":" and a space after it',
  MULTIPLE_ANCHORS: 'a value takes one anchor',
  MULTIPLE_TAGS: 'tags (!) are not supported',
  NON_STRING_KEY: 'a key must be plain text',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAB_AS_INDENT: 'a tab cannot indent: use spaces',
  TAG_RESOLVE_FAILED: 'tags (!) are not supported',
};

const NOT_YAML = 'this is not valid YAML here';

/** A fault at an offset of the text. */
export interface OffsetFault {
  readonly offset: number;
  readonly message: string;
  /** The text may be valid, but is given up. */
  readonly isLimit?: boolean;
}

export type Composed =
  | { readonly ok: true; readonly document: Document.Parsed<ParsedNode> }
  | { readonly ok: false; readonly fault: OffsetFault };

/**
 * Text → one YAML 1.2 document of the core schema: no tags, directives or merge
 * keys. Uniqueness of keys is left to the caller, since the parser's own check
 * takes quadratic time. Refuses with the first fault in the text.
 */
export function composeYaml(text: string): Composed {
  if (text.length > MAX_FILE_BYTES || Buffer.byteLength(text) > MAX_FILE_BYTES)
    return refusal(0, 'the config is larger than 1 MiB');
  const unprintable = UNPRINTABLE.exec(text);
  if (unprintable !== null) {
    const code = unprintable[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    return refusal(unprintable.index, `the character U+${code} is not allowed in YAML`);
  }
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const documents: Document.Parsed<ParsedNode>[] = [];
  const broken = feed(text, composer, documents);
  if (broken?.isLimit === true) return { ok: false, fault: broken };
  const [document, second] = documents;
  const fault = earliest([document === undefined ? null : firstFault(document), broken]);
  if (fault !== null) return { ok: false, fault: namedByCause(text, fault) };
  if (second !== undefined) {
    return refusal(second.range[0], 'one file holds one document: remove the second "---"');
  }
  return document === undefined ? refusal(0, NOT_YAML) : { ok: true, document };
}

/** Runs the parser step by step, so that a hostile text is given up before it costs time or stack. */
function feed(
  text: string,
  composer: Composer,
  documents: Document.Parsed<ParsedNode>[],
): OffsetFault | null {
  const parser = new Parser();
  const compose = (tokens: Iterable<CST.Token>): OffsetFault | null => {
    for (const token of tokens) {
      const fault = faultOf(token);
      if (fault !== null) return fault;
      documents.push(...composer.next(token));
    }
    return null;
  };
  let lexemes = 0;
  let fault: OffsetFault | null = null;
  for (const lexeme of new Lexer().lex(text)) {
    const message = overLimit(++lexemes, parser.stack.length);
    if (message !== null) return { offset: parser.offset, message, isLimit: true };
    fault = compose(parser.next(lexeme));
    if (fault !== null || documents.length > 2) break;
  }
  // What stands before a fault is composed too: the first mistake may be there.
  fault ??= compose(parser.end());
  documents.push(...composer.end(true, text.length));
  return fault;
}

function faultOf(token: CST.Token): OffsetFault | null {
  if (token.type === 'error') return { offset: token.offset, message: NOT_YAML };
  const isForeign = token.type === 'directive' && !/^%YAML\s+1\.2\s*$/.test(token.source);
  return isForeign ? { offset: token.offset, message: MESSAGES.BAD_DIRECTIVE! } : null;
}

function overLimit(lexemes: number, depth: number): string | null {
  if (lexemes > MAX_LEXEMES) return 'the config is too large';
  return depth > MAX_DEPTH + 4 ? 'nested too deeply' : null;
}

function firstFault(document: Document.Parsed<ParsedNode>): OffsetFault | null {
  // A closing bracket at the start of a line draws an indentation warning, and is fine.
  const warnings = document.warnings.filter(warning => warning.code !== 'BAD_INDENT');
  const faults = [...document.errors, ...warnings].map(error => ({
    offset: error.pos[0],
    message: MESSAGES[error.code] ?? NOT_YAML,
  }));
  return earliest(faults);
}

function earliest(faults: readonly (OffsetFault | null)[]): OffsetFault | null {
  let first: OffsetFault | null = null;
  for (const fault of faults) {
    if (fault !== null && (first === null || fault.offset < first.offset)) first = fault;
  }
  return first;
}

/** Two causes show as many different faults: a tab in the indentation, and a quote or bracket left open. */
function namedByCause(text: string, fault: OffsetFault): OffsetFault {
  const lineStart = text.lastIndexOf('\n', Math.max(fault.offset - 1, 0)) + 1;
  const indent = /^ *\t/.exec(text.slice(lineStart, lineStart + 256));
  if (indent !== null) return { offset: lineStart + indent[0].length - 1, message: MESSAGES.TAB_AS_INDENT! };
  const isAtEnd = fault.offset >= text.trimEnd().length && fault.offset > 0;
  return isAtEnd ? { ...fault, message: 'the text ends where a quote or bracket is still open' } : fault;
}

function refusal(offset: number, message: string): Composed {
  return { ok: false, fault: { offset, message } };
}
