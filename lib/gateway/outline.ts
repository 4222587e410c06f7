import { BadCredentialBudget, Secret, systemClock } from '../base/index.ts';
import { openVirtualKeys, Pool, StateIds } from '../keys/index.ts';
import { openLimits } from '../limits/index.ts';
import type { AdmitStage, StageMark } from '../pipeline/index.ts';
import type { CompiledProviders } from '../providers/index.ts';
import { FEATURES } from './features.ts';
import { coreStages, type PlanStages, planStages } from './plan-stages.ts';
import type { Settings } from './settings.ts';
import { grantsMayLimit, remembersState } from './settings-traits.ts';

/** What requests pass by some settings. */
export interface PlanOutline extends PlanStages<StageMark, Pick<AdmitStage, 'name'>> {
  /** The end of an answer waits until its fact is kept. */
  readonly holdsEnd: boolean;
}

const nobody = { clock: systemClock, instance: 'outline', boot: '0'.repeat(16), warn: () => {} };

/** The stages in the order in which they run, as `assemble` would have them: opens and writes nothing. */
export async function outlinePlan(settings: Settings, compiled: CompiledProviders): Promise<PlanOutline> {
  const clock = systemClock;
  const core = coreStages(settings, {
    clock,
    lasting: {
      badCredentials: new BadCredentialBudget(settings.limits.badCredentialsPerAddress, clock),
      installationSecret: new Secret(''),
      virtualKeys: await openVirtualKeys(settings.auth, clock),
    },
    pool: new Pool({ clock, providers: compiled.providers.values(), boundKey: null, warn: () => {} }, null),
    stateIds: remembersState(compiled) ? new StateIds() : null,
  });
  // Without its fleet, which would be joined: that changes no stage.
  const { nats: _, ...alone } = settings.limits;
  const limits = await openLimits(alone, { house: nobody, grantsMayLimit: grantsMayLimit(settings) }, null);
  const outlines = FEATURES.flatMap(({ section, outline }) =>
    settings[section] === undefined || outline === undefined ? [] : [outline(settings[section] as never)],
  );
  await limits.close();
  return {
    ...planStages(core, [...outlines, limits]),
    holdsEnd: outlines.some(({ holdsEnd }) => holdsEnd === true),
  };
}
