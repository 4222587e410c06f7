import type { PointerSet } from '../wire/index.ts';
import type { Exchange } from './exchange.ts';

/**
 * The one table of extra measures a fact may carry, all non-negative integers.
 * Units are in the names: Tokens, Ms (milliseconds), otherwise a count.
 */
export const MEASURES = [
  'totalTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
  'audioInputTokens',
  'audioOutputTokens',
  'audioMs',
  'imageInputTokens',
  'imageOutputTokens',
  'images',
  'characters',
  'searchUnits',
  'webSearches',
  'toolUsePromptTokens',
  'billedInputTokens',
  'billedOutputTokens',
  'iterationInputTokens',
  'iterationOutputTokens',
] as const;

export type Measure = (typeof MEASURES)[number];

/**
 * What a provider stated about one exchange. Null is unknown, never zero.
 * `inputTokens` includes cached and cache-written ones, `outputTokens` includes
 * reasoning, whatever the provider's own wire does.
 */
export class Usage {
  inputTokens: number | null = null;
  outputTokens: number | null = null;
  cachedInputTokens: number | null = null;
  cacheWriteTokens: number | null = null;
  reasoningTokens: number | null = null;
  /** Input and output audio together. */
  audioTokens: number | null = null;
  readonly measures: Partial<Record<Measure, number>> = {};
  /** USD × 10⁹ as the provider states it, or null. */
  costNanos: number | null = null;
  /** The provider's own word for the rates it billed, where these are not its usual ones: a faster tier, a region. */
  otherRates: string | null = null;
  modelServed: string | null = null;
  /** The provider's own word for choice or candidate 0. */
  finishReason: string | null = null;
  /** True once a number on the wire was not a non-negative integer ≤ 2⁴⁰: it was dropped. */
  invalid = false;
  /** True once the provider stated a number. What only we counted (images returned) does not make it true. */
  stated = false;
}

/** How a provider's wire differs from its dialect's, from its YAML row. */
export interface UsageTraits {
  /** `completion_tokens` leaves reasoning out (xAI chat, Vercel gateway): add it. */
  readonly reasoningOutsideOutput: boolean;
  /** The output is total minus prompt (Google's OpenAI-compatible endpoint). */
  readonly outputIsTotalMinusInput: boolean;
}

/** Reads one response body: documents in, usage out. One per exchange. */
export interface UsageFold {
  readonly usage: Usage;
  /** A document that ends the stream by the dialect's own rules was seen. */
  readonly ended: boolean;
  /** The response head, before any document: flat name, value pairs. */
  headers(raw: readonly string[]): void;
  /**
   * One JSON document (the body, an SSE event's data, an NDJSON line, an
   * element of a root array, an event-stream payload). `values[i]` is the parsed
   * value at the reading's pointer i, undefined where absent; the array is used
   * again, so it is valid during the call only. `event` is the
   * SSE event name or the event-stream `:event-type`, null where none.
   */
  document(values: readonly unknown[], event: string | null): void;
  /** An SSE event whose data is not JSON, such as `[DONE]` (at most 64 bytes of it). */
  text(data: string): void;
}

/** What to read from the responses of one endpoint. */
export interface UsageReading {
  readonly pointers: PointerSet;
  /** Where the events of a stream hold what the model wrote: strings, or whatever holds some. */
  readonly text: readonly string[];
  start(traits: UsageTraits): UsageFold;
}

/** Reads a response body beside the relay. Never holds a byte back. */
export interface Tap {
  /** Bytes that were already written to the client. False asks the relay to pause until `onDrain`. */
  write(chunk: Buffer): boolean;
  /** Set by the relay: called when the tap can take more after it said false. */
  onDrain: (() => void) | null;
  /**
   * The body is over, whole or cut. Calls `done` when everything is read, at
   * once where nothing is pending. `sawEnd`: the dialect's own last event was seen.
   */
  end(done: (sawEnd: boolean) => void): void;
}

/** Opens a tap for a response head (flat name, value pairs), or null where nothing is to be read. */
export type OpenTap = (exchange: Exchange, status: number, rawHeaders: readonly string[]) => Tap | null;
