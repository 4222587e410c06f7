import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Secret } from '../base/index.ts';
import type { Target, TextMeter } from '../wire/index.ts';
import type { Endpoint } from './dialect.ts';
import type { Outcome } from './fact.ts';
import type { Principal } from './principal.ts';
import type { PoolKey, Provider } from './provider.ts';
import type { Usage } from './usage.ts';

/** Something an exchange took and must give back: a slot, a reservation. */
export interface Lease {
  /** Called exactly once, when the exchange is settled, with all that is then known of it. */
  end(exchange: Exchange): void;
}

const NO_SECRETS: readonly Secret[] = Object.freeze([]);
const NO_TEXTS: readonly string[] = Object.freeze([]);

/**
 * One request and all that happens to it. Every field is set in the
 * constructor, so that all exchanges share one hidden class. Each slot names
 * the room that writes it and those that read it.
 */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** `instance:boot:seq`. Written by proxy; read by observe, usage. */
  readonly id: string;
  /** Admission, wall clock. Written by proxy; read by usage. */
  readonly startedWallMs: number;
  /** Admission, monotonic. Written by proxy; read by proxy, usage. */
  readonly startedMs: number;
  /** The client's `x-request-id` where acceptable, else ours. Written by proxy. */
  requestId: string;
  /** The object that was authorised and is dispatched. Written by proxy (admit). */
  target: Target | null = null;
  /** Written by proxy (admit); read everywhere after. */
  provider: Provider | null = null;
  endpoint: Endpoint | null = null;
  /** The client's address, normalised (see `addressOf` in wire); '' where the plan does not ask for it. Written by proxy. */
  address = '';
  /** Written by keys (identify); read by proxy, limits, usage. */
  principal: Principal | null = null;
  /** What must be given back at the end. Written by limits; ended by proxy (settle). */
  leases: Lease[] | null = null;
  /** A stage judges the body: it is read whole, up to the body limit, before `inspect`. Written by keys. */
  needsWholeBody = false;
  /** The whole body where it is in hand (≤ 64 KiB, or what a signature needs), else null. Written by proxy. */
  body: Buffer | null = null;
  /** False once the body is on its way in pieces: the request cannot be sent a second time. Written by proxy; read by keys (pool). */
  isRepeatable = true;
  /** Written by proxy (request scan). */
  modelRequested: string | null = null;
  streamRequested: boolean | null = null;
  /** The most output tokens the request lets the model give, where it says so and the plan asks. Written by proxy (request scan); read by limits. */
  maxOutputTokens: number | null = null;
  /** Written by proxy (inspect): the extra usage event is to be taken out again. */
  usageInjected = false;
  /** Written by proxy (route). */
  poolKey: PoolKey | null = null;
  /** What was made of the pool key and sent with it: tokens, parts of it. Written by proxy. */
  sentSecrets: readonly Secret[] = NO_SECRETS;
  /** Dispatches upstream. Written by proxy. */
  attempts = 0;
  /** Status sent to the client, null while nothing was. Written by proxy. */
  status: number | null = null;
  outcome: Outcome | null = null;
  errorCode: string | null = null;
  upstreamRequestId: string | null = null;
  streamed = false;
  /** Monotonic times, null until reached. Written by proxy. */
  dispatchedMs: number | null = null;
  firstByteMs: number | null = null;
  requestBytes = 0;
  responseBytes = 0;
  /** What the provider stated. Written by usage (tap), read when the fact is settled. */
  usage: Usage | null = null;
  tapGaveUp = false;
  /** The text of the request body, where usage is estimated and the body can be read. Written by proxy (request body); read by usage. */
  requestText: TextMeter | null = null;
  /** What the text of the answer is estimated at so far, where usage is estimated. Written by usage (tap). */
  answerTokens = 0;
  /** The answer came to its end, by its framing or by its dialect's last event: what it states is final. Written by proxy (relay), usage (tap); read by usage. */
  answerEnded = false;
  /** Guards the one settlement. Written by proxy (settle). */
  settled = false;

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    id: string,
    requestId: string,
    startedWallMs: number,
    startedMs: number,
  ) {
    this.req = req;
    this.res = res;
    this.id = id;
    this.requestId = requestId;
    this.startedWallMs = startedWallMs;
    this.startedMs = startedMs;
  }

  /** The secrets that an answer must not repeat: the pool key and what was made of it. */
  secretTexts(): readonly string[] {
    if (this.poolKey === null || this.principal?.managed !== true) return NO_TEXTS;
    const whole = this.poolKey.secret.reveal();
    return this.sentSecrets.length === 0
      ? [whole]
      : [whole, ...this.sentSecrets.map(secret => secret.reveal())];
  }

  /** Whether a text of the provider's repeats one of them. */
  repeatsSecret(text: string): boolean {
    return this.secretTexts().some(secret => text.includes(secret));
  }

  /** Keeps a lease until the end; ends it at once where that has been. */
  take(lease: Lease): void {
    if (this.settled) lease.end(this);
    else if (this.leases === null) this.leases = [lease];
    else this.leases.push(lease);
  }
}
