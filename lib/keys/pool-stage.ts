import type { Exchange, KeyPool, Stage, StageResult } from '../pipeline/index.ts';

/** Gives each managed request one of its provider's keys. */
export class PoolStage implements Stage {
  readonly name = 'pool';
  readonly phase = 'route';
  readonly #pool: KeyPool;

  constructor(pool: KeyPool) {
    this.#pool = pool;
  }

  run(exchange: Exchange): StageResult {
    return exchange.principal!.managed ? this.#pool.next(exchange) : undefined;
  }
}
