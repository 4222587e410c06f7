import type { Exchange, Stage, StageMark, StageResult } from '../../pipeline/index.ts';
import type { DenyLookup } from './deny-lookup.ts';

export const DENY_MARK: StageMark = { name: 'deny', phase: 'identify' };

/** Refuses what is denied. Stands behind the stage that names the principal. */
export class DenyStage implements Stage {
  readonly name = DENY_MARK.name;
  readonly phase = DENY_MARK.phase;
  readonly #lookup: DenyLookup;

  constructor(lookup: DenyLookup) {
    this.#lookup = lookup;
  }

  run({ principal }: Exchange): StageResult {
    if (principal === null) return undefined;
    return this.#lookup.judge(principal) ?? this.#lookup.gateRefusal(principal);
  }
}
