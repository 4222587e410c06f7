import type { Endpoint, Usage, UsageFold, UsageTraits } from '../../lib/pipeline/index.ts';

export const PLAIN_TRAITS: UsageTraits = { reasoningOutsideOutput: false, outputIsTotalMinusInput: false };

/** A document with its event name, or the text of an SSE event that is no JSON. */
export type Piece = { readonly event?: string; readonly json: unknown } | { readonly text: string };

/** The value at a JSON pointer, and `/-/#` for the length of an array: what a scanner gives, done the slow way. */
export function pointerValue(document: unknown, pointer: string): unknown {
  const counts = pointer.endsWith('/-/#');
  let at: unknown = document;
  for (const token of (counts ? pointer.slice(0, -4) : pointer).split('/').slice(1)) {
    if (typeof at !== 'object' || at === null) return undefined;
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    at = Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined;
  }
  if (!counts) return at;
  return Array.isArray(at) ? at.length : undefined;
}

/** Feeds an endpoint's fold and gives it back. */
export function foldOf(
  endpoint: Endpoint | null,
  pieces: readonly Piece[],
  traits: UsageTraits = PLAIN_TRAITS,
  headers: readonly string[] = [],
): UsageFold {
  if (endpoint?.usage == null) throw new Error('this endpoint states no usage');
  const { pointers } = endpoint.usage.pointers;
  const fold = endpoint.usage.start(traits);
  fold.headers(headers);
  for (const piece of pieces) {
    if ('text' in piece) fold.text(piece.text);
    else {
      fold.document(
        pointers.map(pointer => pointerValue(piece.json, pointer)),
        piece.event ?? null,
      );
    }
  }
  return fold;
}

/** The fold of one whole JSON body. */
export function foldJson(
  endpoint: Endpoint | null,
  json: unknown,
  traits: UsageTraits = PLAIN_TRAITS,
): UsageFold {
  return foldOf(endpoint, [{ json }], traits);
}

/** The parts of a usage that hold a number or a word, measures beside the rest: what a test compares. */
export function known(usage: Usage): Record<string, unknown> {
  const { measures, stated, invalid, ...rest } = usage;
  const flags = { ...(invalid ? { invalid } : {}), ...(stated ? {} : { stated }) };
  const fields = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
  return { ...fields, ...measures, ...flags };
}
