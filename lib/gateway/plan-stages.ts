import type { Clock } from '../base/index.ts';
import {
  BadCredentials,
  GrantStage,
  IdentifyStage,
  ModelStage,
  type Pool,
  PoolStage,
  type StateIds,
  StateStage,
  StaticKeys,
} from '../keys/index.ts';
import { type AdmitStage, type Outline, type Stage, type StageMark, stagesOf } from '../pipeline/index.ts';
import type { Lasting } from './lasting.ts';
import type { Settings } from './settings.ts';
import { hasOwnKeys, isByo } from './settings-traits.ts';

/** What the core's own stages work on. */
export interface CoreParts {
  readonly clock: Clock;
  readonly lasting: Pick<Lasting, 'badCredentials' | 'installationSecret' | 'virtualKeys'>;
  readonly pool: Pool;
  readonly stateIds: StateIds | null;
}

/** The stages that no feature brings. */
export function coreStages(settings: Settings, parts: CoreParts): readonly Stage[] {
  const { clock, lasting, pool, stateIds } = parts;
  const { auth } = settings;
  const ownKeys = hasOwnKeys(settings);
  const identify = new IdentifyStage({
    byo: isByo(settings),
    open: auth.open,
    staticKeys: new StaticKeys(auth.staticKeys, clock),
    virtualKeys: lasting.virtualKeys,
    badCredentials: ownKeys ? new BadCredentials(lasting.badCredentials) : null,
    installationSecret: lasting.installationSecret,
  });
  const grants = ownKeys ? [new GrantStage(), new ModelStage()] : [];
  const state = stateIds === null ? [] : [new StateStage(stateIds)];
  return [identify, ...grants, ...state, new PoolStage(pool)];
}

/** Stages where the proxy runs them: before the provider is looked up, before the body is read, and after. */
export interface PlanStages<S, A> {
  readonly admit: readonly A[];
  readonly early: readonly S[];
  readonly late: readonly S[];
}

interface Bringing<S, A> {
  readonly stages?: readonly S[];
  readonly admitStages?: readonly A[];
}

/** Puts in order what runs, and likewise what is only told of it. */
export function planStages(
  core: readonly Stage[],
  installed: readonly Bringing<Stage, AdmitStage>[],
): PlanStages<Stage, AdmitStage>;
export function planStages(
  core: readonly StageMark[],
  outlines: readonly Outline[],
): PlanStages<StageMark, Pick<AdmitStage, 'name'>>;
export function planStages<S extends Pick<Stage, 'phase'>, A>(
  core: readonly S[],
  installed: readonly Bringing<S, A>[],
): PlanStages<S, A> {
  const stages = [...core, ...installed.flatMap(feature => feature.stages ?? [])];
  return {
    admit: installed.flatMap(feature => feature.admitStages ?? []),
    early: stagesOf(stages, ['identify', 'authorize', 'limit']),
    late: stagesOf(stages, ['inspect', 'route']),
  };
}
