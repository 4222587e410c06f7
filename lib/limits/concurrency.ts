import { NO_ROOM, type SharedCounters, type SketchKey, type SketchSeed } from '../base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Exchange, Principal, Stage, StageResult } from '../pipeline/index.ts';
import { Hold } from './hold.ts';
import type { Names } from './names.ts';

/**
 * Requests of a key that run at the same time on this instance, counted
 * exactly. Before the rates, so that what it refuses no rate has counted.
 */
export class Concurrency implements Stage {
  readonly name = 'concurrency';
  readonly phase = 'limit';
  readonly #counters: SharedCounters;
  readonly #seed: SketchSeed;
  readonly #names: Names;
  readonly #limitOf: (principal: Principal) => number | null;

  constructor(
    counters: SharedCounters,
    seed: SketchSeed,
    names: Names,
    limitOf: (principal: Principal) => number | null,
  ) {
    this.#counters = counters;
    this.#seed = seed;
    this.#names = names;
    this.#limitOf = limitOf;
  }

  run(exchange: Exchange): StageResult {
    const limit = this.#limitOf(exchange.principal!);
    const key = limit === null ? null : this.#keyOf(exchange);
    if (limit === null || key === null) return undefined;
    const entry = this.#counters.acquire(key, limit);
    if (entry !== NO_ROOM) {
      Hold.of(exchange).occupies(this.#counters, entry);
      return undefined;
    }
    return new Refusal('concurrency_limited', `more than ${limit} requests at a time: key`, 1);
  }

  #keyOf(exchange: Exchange): SketchKey | null {
    return this.#names.key(exchange)?.under(this.#seed) ?? null;
  }
}
