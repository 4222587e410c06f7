import { Refusal } from '../errors/index.ts';
import type { Exchange, Stage, StageResult } from '../pipeline/index.ts';

/** Runs stages in order; waits only where one really does. */
export function runStages(
  stages: readonly Stage[],
  exchange: Exchange,
  from = 0,
): StageResult | Promise<StageResult> {
  for (let i = from; i < stages.length; i++) {
    const result = stages[i]!.run(exchange);
    if (result === undefined) continue;
    if (result instanceof Refusal) return result;
    // A client that left meanwhile wants nothing more: what a later stage took would never be given back.
    return result.then(
      refusal => refusal ?? (exchange.settled ? undefined : runStages(stages, exchange, i + 1)),
    );
  }
  return undefined;
}
