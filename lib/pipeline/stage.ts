import type { Refusal } from '../errors/index.ts';
import type { Exchange } from './exchange.ts';

/** Where a feature's stage runs, in this order (DESIGN §2). */
export const PHASES = ['identify', 'limit', 'inspect', 'route'] as const;

export type Phase = (typeof PHASES)[number];

/** A stage answers at once unless it truly must wait. `undefined` is "go on". */
export type StageResult = Refusal | undefined;

export interface Stage {
  readonly name: string;
  readonly phase: Phase;
  run(exchange: Exchange): StageResult | Promise<StageResult>;
}

/** The stages of the configured features in order: a phase nobody uses costs nothing. */
export function compileStages(stages: readonly Stage[]): readonly Stage[] {
  return Object.freeze(PHASES.flatMap(phase => stages.filter(stage => stage.phase === phase)));
}
