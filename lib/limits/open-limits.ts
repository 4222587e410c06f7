import { Secret } from '../base/index.ts';
import { type Bus, type BusOptions, type NatsSettings, openBus } from '../bus/index.ts';
import type {
  AdmitStage,
  Degradation,
  Exchange,
  House,
  Installed,
  Metric,
  Stage,
} from '../pipeline/index.ts';
import { Counts } from './counts.ts';
import { Fleet } from './fleet.ts';
import { limitHeaders } from './limit-headers.ts';
import { limitMetrics } from './limit-metrics.ts';
import { type LimitStages, limitStages } from './limit-stages.ts';
import type { FleetSettings, LimitSettings } from './settings.ts';

export interface LimitsHouse {
  readonly house: Pick<House, 'clock' | 'instance' | 'boot' | 'warn'>;
  /** Keys may bring limits of their own. */
  readonly grantsMayLimit: boolean;
  /** Opens another bus than NATS. */
  readonly openBus?: (settings: NatsSettings, options: BusOptions) => Promise<Bus>;
}

/** The rates and counts of a gateway, by one config. */
export interface Limits extends Installed {
  readonly stages: readonly Stage[];
  readonly admitStages: readonly AdmitStage[];
  readonly metrics: readonly Metric[];
  /** Whether `exchange.maxOutputTokens` is asked for. */
  readonly readsOutputLimit: boolean;
  /** Null where the config asks for no limit headers. */
  readonly limitHeaders: ((exchange: Exchange) => readonly string[]) | null;
  degraded(): readonly Degradation[];
  close(): Promise<void>;
}

/** A fleet, and how many configs hold it: those before and after a reload may share it. */
interface SharedFleet {
  readonly fleet: Fleet;
  readonly settings: FleetSettings;
  users: number;
}

/** What the configs of a gateway share, one after the other. */
interface Shared {
  readonly counts: Counts;
  /** The newest one that is not closed. */
  latest: OpenLimits | null;
}

/**
 * Sets up what config and keys may limit, and nothing else. With `before` all
 * that was counted goes on being counted: a reload gives nobody a free window.
 * Closing the newest while the one before it is still open undoes the change.
 */
export async function openLimits(
  settings: LimitSettings,
  limitsHouse: LimitsHouse,
  before: Limits | null,
): Promise<Limits> {
  const old = before instanceof OpenLimits ? before : null;
  const shared = old?.shared ?? { counts: new Counts(limitsHouse.house.clock), latest: null };
  const fleet = await fleetFor(settings.nats, shared.counts, limitsHouse, old?.fleet ?? null);
  return new OpenLimits(settings, limitsHouse.grantsMayLimit, shared, fleet, old);
}

async function fleetFor(
  settings: FleetSettings | undefined,
  counts: Counts,
  { house, openBus: open = openBus }: LimitsHouse,
  old: SharedFleet | null,
): Promise<SharedFleet | null> {
  if (settings === undefined) return null;
  if (old !== null && spelled(old.settings) === spelled(settings)) {
    old.users++;
    return old;
  }
  const { clock, instance, boot } = house;
  const warn: House['warn'] = warning => house.warn(warning);
  const bus = await open(settings, { name: `weir ${instance} limits`, clock, warn });
  const { bucket, subject } = settings;
  return {
    fleet: new Fleet({ bus, bucket, subject, counts, clock, instance, boot, warn }),
    settings,
    users: 1,
  };
}

/** Equal for equal settings, secrets included. For comparison only. */
function spelled(settings: FleetSettings): string {
  return JSON.stringify(settings, function (this: Record<string, unknown>, key, plain: unknown) {
    const own = this[key];
    return own instanceof Secret ? own.reveal() : plain;
  });
}

class OpenLimits implements Limits {
  readonly stages: readonly Stage[];
  readonly admitStages: readonly AdmitStage[];
  readonly metrics: readonly Metric[];
  readonly readsOutputLimit: boolean;
  readonly limitHeaders: ((exchange: Exchange) => readonly string[]) | null;
  readonly shared: Shared;
  readonly fleet: SharedFleet | null;
  readonly #settings: LimitSettings;
  readonly #grantsMayLimit: boolean;
  #before: OpenLimits | null;
  #isClosed = false;

  constructor(
    settings: LimitSettings,
    grantsMayLimit: boolean,
    shared: Shared,
    fleet: SharedFleet | null,
    before: OpenLimits | null,
  ) {
    this.shared = shared;
    this.fleet = fleet;
    this.#settings = settings;
    this.#grantsMayLimit = grantsMayLimit;
    this.#before = before;
    const { stages, admitStages, readsOutputLimit } = this.#lead();
    this.stages = stages;
    this.admitStages = admitStages;
    this.readsOutputLimit = readsOutputLimit;
    this.limitHeaders = settings.headers ? limitHeaders : null;
    this.metrics = limitMetrics(shared.counts, fleet?.fleet ?? null);
  }

  /** Counts in the shapes of this config from now on, and tells its fleet. */
  #lead(): LimitStages {
    const { shared, fleet } = this;
    if (shared.latest !== null && shared.latest.fleet !== fleet) shared.latest.fleet?.fleet.pause();
    shared.latest = this;
    const stages = limitStages(this.#settings, shared.counts, this.#grantsMayLimit);
    fleet?.fleet.start();
    return stages;
  }

  degraded(): readonly Degradation[] {
    if (this.fleet === null || this.fleet.fleet.isTogether) return [];
    const message =
      'Limits are held by each instance on its own: limits.nats cannot be reached, or has no seed yet.';
    return [{ code: 'limits_alone', message, refuses: false }];
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { shared, fleet } = this;
    const before = this.#before;
    this.#before = null;
    if (shared.latest === this && before !== null && !before.#isClosed) before.#lead();
    if (fleet !== null && --fleet.users === 0) await fleet.fleet.close();
  }
}
