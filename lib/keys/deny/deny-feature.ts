import { openBus } from '../../bus/index.ts';
import type {
  AdminRoute,
  Degradation,
  Feature,
  House,
  Installed,
  Metric,
  Stage,
} from '../../pipeline/index.ts';
import { denyDegraded, denyMetrics } from './deny-metrics.ts';
import { DenyParts, type OpenBus } from './deny-parts.ts';
import { denyRoutes } from './deny-routes.ts';
import { DENY_MARK, DenyStage } from './deny-stage.ts';
import { DenySwitch } from './deny-switch.ts';
import { type DenySettings, denySchema, describeDeny } from './settings.ts';

/** What the `deny` section brings. */
class DenyInstalled implements Installed {
  /** Two of them must never write one snapshot. */
  readonly closesAtOnce = true;
  readonly parts: DenyParts;
  readonly stages: readonly Stage[];
  readonly routes: readonly AdminRoute[];
  readonly metrics: readonly Metric[];

  constructor(parts: DenyParts) {
    this.parts = parts;
    this.stages = [new DenyStage(parts.lookup)];
    this.routes = denyRoutes(parts);
    this.metrics = denyMetrics(parts);
  }

  degraded(): readonly Degradation[] {
    return denyDegraded(this.parts);
  }

  close(): Promise<void> {
    return this.parts.close();
  }
}

/** What switches single keys off, where the `deny` section is installed. */
export function denySwitchOf(installed: Installed | null): DenySwitch | null {
  return installed instanceof DenyInstalled ? new DenySwitch(installed.parts) : null;
}

/** @param open how a bus is opened, for tests. */
export function denyFeatureWith(open: OpenBus): Feature<DenySettings> {
  return {
    section: 'deny',
    schema: denySchema,
    describe: describeDeny,
    outline: () => ({ stages: [DENY_MARK] }),
    install: async (settings: DenySettings, house: House, before: Installed | null): Promise<Installed> => {
      const old = before instanceof DenyInstalled ? before.parts : null;
      return new DenyInstalled(await DenyParts.open(settings, house, open, old));
    },
  };
}

/** The `deny` section: keys, subjects and issuers that are refused although their signature is good. */
export const denyFeature: Feature<DenySettings> = denyFeatureWith(openBus);
