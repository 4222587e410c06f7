import { Refusal } from '../errors/index.ts';
import type { Exchange, PoolKey, Provider, Stage, StageResult } from '../pipeline/index.ts';

interface Turn {
  readonly key: PoolKey;
  current: number;
}

/** Chooses a provider's key for each managed request: smooth weighted round robin, so that heavy keys do not come in bursts. */
export class PoolStage implements Stage {
  readonly name = 'pool';
  readonly phase = 'route';
  readonly #turns = new Map<string, Turn[]>();

  constructor(providers: Iterable<Provider>) {
    for (const { name, keys } of providers) {
      if (keys.length > 0)
        this.#turns.set(
          name,
          keys.map(key => ({ key, current: 0 })),
        );
    }
  }

  run(exchange: Exchange): StageResult {
    if (!exchange.principal!.managed) return undefined;
    const provider = exchange.provider!;
    const turns = this.#turns.get(provider.name);
    if (turns === undefined)
      return provider.scheme.name === 'none' ? undefined : new Refusal('no_upstream_key');
    exchange.poolKey = nextKey(turns);
    return undefined;
  }
}

function nextKey(turns: readonly Turn[]): PoolKey {
  let best = turns[0]!;
  let total = 0;
  for (const turn of turns) {
    turn.current += turn.key.weight;
    total += turn.key.weight;
    if (turn.current > best.current) best = turn;
  }
  best.current -= total;
  return best.key;
}
