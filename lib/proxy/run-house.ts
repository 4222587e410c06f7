import type { Clock } from '../base/index.ts';
import type { Refusal } from '../errors/index.ts';
import type { Exchange } from '../pipeline/index.ts';
import type { Drains } from './drains.ts';
import type { Run } from './run.ts';

/** What a run borrows from the server it runs on. */
export interface RunHouse {
  readonly clock: Clock;
  readonly live: Set<Run>;
  /** Settled, but the client has not read everything yet. */
  readonly ending: Set<Run>;
  /** Answers that are read on for nobody. */
  readonly drains: Drains;
  /** The latest run of a connection. */
  readonly bySocket: WeakMap<object, Run>;
  /** True once the server drains: answers then close their connection. */
  readonly draining: boolean;
  reportBug(error: unknown, requestId: string): void;
  /** Sends a refusal; `close` ends the connection after it. */
  answer(exchange: Exchange, refusal: Refusal, close: boolean): void;
}
