import type { FactText, Obstacle } from '../journal-follower.ts';

/** Where facts go to beside the store. */
export interface FactOutlet {
  /** Names it in files and metrics: `nats`, `webhook-audit`. Lower case, digits and hyphens. */
  readonly name: string;
  /** For people: `the webhook audit (receiver.example)`. Holds no secret. */
  readonly place: string;
  /** At most this many facts at a time. */
  readonly batchFacts: number;
  /** Null when it has them all for good; else they come again. Gives up when the signal says so. Never rejects. */
  deliver(facts: readonly FactText[], signal: AbortSignal): Promise<Obstacle | null>;
  close(): Promise<void>;
}
