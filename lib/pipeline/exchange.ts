import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Target } from '../wire/index.ts';
import type { Endpoint } from './dialect.ts';
import type { AuthKind, Outcome } from './fact.ts';
import type { PoolKey, Provider } from './provider.ts';
import type { Usage } from './usage.ts';

/** Who asks. */
export interface Principal {
  readonly auth: AuthKind;
  readonly subject: string | null;
  readonly keyId: string | null;
  readonly tags: Readonly<Record<string, string>>;
  /** True when a pool key is to be used and every credential of the client removed. */
  readonly managed: boolean;
}

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
  /** Written by keys (identify); read by proxy, usage. */
  principal: Principal | null = null;
  /** The whole body where it is in hand (≤ 64 KiB, or what a signature needs), else null. Written by proxy. */
  body: Buffer | null = null;
  /** Written by proxy (request scan). */
  modelRequested: string | null = null;
  streamRequested: boolean | null = null;
  /** Written by proxy (inspect): the extra usage event is to be taken out again. */
  usageInjected = false;
  /** Written by proxy (route). */
  poolKey: PoolKey | null = null;
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
}
