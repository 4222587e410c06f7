import { NO_ROOM, type SharedCounters } from '../base/index.ts';
import type { Exchange, Lease } from '../pipeline/index.ts';
import type { Counted } from './dimension.ts';
import type { Reading } from './rule.ts';
import type { TokenReservation } from './token-reservation.ts';

/** What limits hold of an exchange until it is settled, and what its answer tells of them. */
export class Hold implements Lease {
  /** Taken back where a later limit refuses the request. */
  rates: readonly Counted[] = [];
  requests: Reading | null = null;
  tokens: Reading | null = null;
  reservation: TokenReservation | null = null;
  #counters: SharedCounters | null = null;
  #entry = NO_ROOM;

  /** The exchange's hold; begins one where it has none. */
  static of(exchange: Exchange): Hold {
    const held = Hold.find(exchange);
    if (held !== null) return held;
    const hold = new Hold();
    exchange.take(hold);
    return hold;
  }

  static find({ leases }: Exchange): Hold | null {
    if (leases === null) return null;
    for (const lease of leases) if (lease instanceof Hold) return lease;
    return null;
  }

  /** @param entry what `acquire` gave. */
  occupies(counters: SharedCounters, entry: number): void {
    this.#counters = counters;
    this.#entry = entry;
  }

  end(exchange: Exchange): void {
    this.#counters?.release(this.#entry);
    this.reservation?.settle(exchange);
  }
}
