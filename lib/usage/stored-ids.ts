import type { Exchange, UsageFold } from '../pipeline/index.ts';
import { type BodySink, fieldValue } from '../wire/index.ts';

/** Told of an id under which an answer says that something is stored with the exchange's pool key. */
export type LearnId = (exchange: Exchange, id: string) => void;

/** One answer stores few things; more is a list that only looks like it. */
const IDS_MAX = 8;
const JSON_TYPE = /^\s*application\/json\b/i;

/**
 * Whether an answer may tell of something that only the pool key of this
 * exchange leads to: a call that stores, or a batch that tells of its files.
 * With one key there is nothing to tell apart.
 */
export function mayStore(exchange: Exchange, status: number, rawHeaders: readonly string[]): boolean {
  const { endpoint, provider, poolKey, req } = exchange;
  const state = endpoint!.state;
  if (state === null || state.firstId === state.pointers.pointers.length) return false;
  if (poolKey === null || provider!.keys.length < 2 || status < 200 || status > 299) return false;
  if (req.method === 'POST') return true;
  // Not its results: those are lines with ids of their own.
  return endpoint!.operation === 'batches' && JSON_TYPE.test(fieldValue(rawHeaders, 'content-type') ?? '');
}

/** Some uploads go on at a URL that the answer names; the parameters of its query know the upload. */
export function learnUploads(exchange: Exchange, rawHeaders: readonly string[], learn: LearnId): void {
  for (const name of exchange.provider!.rewriteUrlHeaders) {
    const value = fieldValue(rawHeaders, name);
    const url = value === null ? null : URL.parse(value);
    for (const id of url?.searchParams.values() ?? []) learn(exchange, id);
  }
}

/** Takes the ids out of the documents of an answer and hands these on, where usage is read as well. */
export class IdSink implements BodySink {
  readonly #exchange: Exchange;
  readonly #fold: UsageFold | null;
  readonly #learn: LearnId;
  readonly #firstId: number;
  /** Columns from this one on are others'. */
  readonly #endId: number;
  #last = '';
  #count = 0;

  constructor(exchange: Exchange, fold: UsageFold | null, learn: LearnId) {
    this.#exchange = exchange;
    this.#fold = fold;
    this.#learn = learn;
    const { firstId, pointers } = exchange.endpoint!.state!;
    this.#firstId = firstId;
    this.#endId = pointers.pointers.length;
  }

  document(values: readonly unknown[], event: string | null): void {
    for (let i = this.#firstId; i < this.#endId; i++) {
      const id = values[i];
      // A stream repeats it in every event that tells of the whole.
      if (typeof id !== 'string' || id === this.#last || this.#count === IDS_MAX) continue;
      this.#last = id;
      this.#count++;
      this.#learn(this.#exchange, id);
    }
    this.#fold?.document(values, event);
  }

  text(data: string): void {
    this.#fold?.text(data);
  }
}
