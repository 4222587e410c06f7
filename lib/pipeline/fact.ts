import type { Measure } from './usage.ts';

/** How an exchange ended. */
export type Outcome =
  | 'complete'
  | 'clientAborted'
  | 'upstreamFailed'
  | 'upstreamTruncated'
  | 'refused'
  | 'drainCut'
  | 'lost';

/** How the client was identified. */
export type AuthKind = 'virtual' | 'static' | 'byo' | 'none';

/**
 * The settled record of one exchange (CONTRACT §5). Every member is always
 * present; null is unknown. Members may be added, none changes meaning. Never
 * holds prompt or completion content.
 */
export interface Fact {
  readonly v: 1;
  /** `instance:boot:seq`, unique for ever. */
  readonly id: string;
  /** Admission, UTC, millisecond precision, `Z`. */
  readonly time: string;
  readonly kind: 'request' | 'admin' | 'tool';
  readonly requestId: string | null;
  readonly upstreamRequestId: string | null;
  readonly subject: string | null;
  readonly keyId: string | null;
  readonly auth: AuthKind;
  readonly tags: Readonly<Record<string, string>>;
  readonly provider: string | null;
  readonly dialect: string | null;
  readonly operation: string | null;
  readonly method: string | null;
  /** As sent, without the query. */
  readonly path: string | null;
  /** As sent to the client, null if nothing was. */
  readonly status: number | null;
  readonly outcome: Outcome;
  readonly errorCode: string | null;
  readonly stream: boolean;
  readonly modelRequested: string | null;
  readonly modelServed: string | null;
  readonly finishReason: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedInputTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly audioTokens: number | null;
  readonly measures: Readonly<Partial<Record<Measure, number>>>;
  readonly usageSource: 'provider' | 'estimated' | 'none';
  /** Why usage may be incomplete: the tap gave up, or a number was not valid; else which side is estimated. Null when nothing is to be said. */
  readonly usageNote: 'tapGaveUp' | 'invalid' | 'inputEstimated' | 'outputEstimated' | 'bothEstimated' | null;
  /** USD × 10⁹. */
  readonly costNanos: number | null;
  readonly costSource: 'price' | 'provider' | null;
  readonly priceVersion: string | null;
  readonly route: Readonly<{
    name: string | null;
    target: string | null;
    reason: string | null;
    arm: string | null;
    role: string | null;
  }>;
  readonly attempts: number;
  readonly poolKey: string | null;
  readonly queueMs: number | null;
  readonly ttfbMs: number | null;
  readonly durationMs: number | null;
  /** Body bytes as on the wire. */
  readonly requestBytes: number;
  /** Body bytes that the client was given. */
  readonly responseBytes: number;
  /** How many refusals this fact sums up; null on a fact of one exchange. */
  readonly refusals: number | null;
}

/**
 * Takes settled facts. A sink that must have the fact before the response ends
 * calls `recorded` when it has; others return false and never call it.
 */
export interface FactSink {
  readonly name: string;
  /** Returns true when it took `recorded` and will call it exactly once: with false where the fact is not recorded yet and nobody shall wait longer. */
  take(fact: Fact, recorded: (isRecorded: boolean) => void): boolean;
}
