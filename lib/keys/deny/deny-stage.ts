import type { Exchange, Stage, StageResult } from '../../pipeline/index.ts';
import type { DenyLookup } from './deny-lookup.ts';

/** Refuses what is denied. Stands behind the stage that names the principal. */
export class DenyStage implements Stage {
  readonly name = 'deny';
  readonly phase = 'identify';
  readonly #lookup: DenyLookup;

  constructor(lookup: DenyLookup) {
    this.#lookup = lookup;
  }

  run({ principal }: Exchange): StageResult {
    if (principal === null) return undefined;
    return this.#lookup.judge(principal) ?? this.#lookup.gateRefusal(principal);
  }
}
