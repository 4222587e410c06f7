import type { Clock } from '../base/index.ts';
import { openKeyRecords, Pool, StateIds } from '../keys/index.ts';
import { type Limits, openLimits } from '../limits/index.ts';
import type { FactSink, House, Installed, Warning } from '../pipeline/index.ts';
import type { CompiledProviders, PriceFeed, PriceFile } from '../providers/index.ts';
import type { Upstreams } from '../proxy/index.ts';
import { type Assembly, assemble } from './assemble.ts';
import { budgetsOf, type RunningBudgets } from './budgets.ts';
import { FEATURES } from './features.ts';
import { type Lasting, lastingOf } from './lasting.ts';
import { openPrices } from './open-prices.ts';
import type { Settings } from './settings.ts';
import { settingsDigest } from './settings-digest.ts';
import { grantsMayLimit, remembersState } from './settings-traits.ts';

/** A feature as it was installed, and from which settings. */
export interface Running<I extends Installed = Installed> {
  readonly digest: string;
  readonly installed: I;
}

/** Everything that one set of settings amounts to. */
export interface Build {
  readonly settings: Settings;
  readonly compiled: CompiledProviders;
  readonly upstreams: Upstreams;
  /** By config section. */
  readonly features: ReadonlyMap<string, Running>;
  readonly limits: Running<Limits>;
  /** Keys on record: calls on them, and what keeps the deny set to them. */
  readonly keyRecords: Running;
  /** Null without `usage.prices`. */
  readonly prices: Running<PriceFeed> | null;
  /** Null where neither the config nor a key can bring one. */
  readonly budgets: RunningBudgets | null;
  /** All that was installed. */
  readonly installed: readonly Installed[];
  readonly lasting: Lasting;
  readonly pool: Pool;
  /** Which pool key made what a provider stored; null where no provider has two keys. */
  readonly stateIds: StateIds | null;
  readonly assembly: Assembly;
}

export interface BuilderHouse {
  readonly clock: Clock;
  /** What features are lent, for one set of providers. */
  house(compiled: CompiledProviders): House;
  compile(settings: Settings, prices: PriceFile | null): Promise<CompiledProviders>;
  warn(warning: Warning): void;
  /** The list of prices is another one: the same settings amount to something else. */
  pricesChanged(): void;
  upstreams(settings: Settings): Upstreams;
  /** Sinks that are always there, beside those of the features. */
  sinks(installed: readonly Installed[]): readonly FactSink[];
}

/**
 * Builds all that settings ask for, beside what serves, and changes nothing of
 * it. What did not change between two settings lives on in the new build.
 */
export class Builder {
  readonly #house: BuilderHouse;

  constructor(house: BuilderHouse) {
    this.#house = house;
  }

  async build(settings: Settings, before: Build | null): Promise<Build> {
    const fresh: Installed[] = [];
    try {
      const prices = await openPrices(settings, this.#house, before?.prices ?? null, fresh);
      const compiled = await this.#house.compile(settings, prices?.installed.list ?? null);
      const house = this.#house.house(compiled);
      const features = await this.#install(settings, house, before, fresh);
      const limits = await this.#limits(settings, house, before, fresh);
      const keyRecords = await keyRecordsOf(settings, house, features, before);
      if (keyRecords !== before?.keyRecords) fresh.push(keyRecords.installed);
      const installed = [...features.values()].map(running => running.installed);
      const budgets = budgetsOf(settings, house, installed, before?.budgets ?? null);
      if (budgets !== null && budgets !== before?.budgets) fresh.push(budgets.installed);
      const parts = { features, limits, budgets, keyRecords, prices };
      return await this.#assemble(settings, compiled, parts, before);
    } catch (error) {
      await Promise.all(fresh.map(installed => installed.close?.()));
      throw error;
    }
  }

  async #assemble(
    settings: Settings,
    compiled: CompiledProviders,
    parts: Pick<Build, 'features' | 'limits' | 'budgets' | 'keyRecords' | 'prices'>,
    before: Build | null,
  ): Promise<Build> {
    const { clock } = this.#house;
    const { features, limits, budgets, keyRecords, prices } = parts;
    const stateIds = remembersState(compiled) ? (before?.stateIds ?? new StateIds()) : null;
    const pool = new Pool(
      {
        clock,
        providers: compiled.providers.values(),
        boundKey: stateIds === null ? null : exchange => stateIds.keyFor(exchange),
        warn: warning => this.#house.warn(warning),
      },
      before?.pool ?? null,
    );
    const upstreams =
      before === null || poolsDiffer(before.settings, settings)
        ? this.#house.upstreams(settings)
        : before.upstreams;
    const running = [...features.values(), limits, budgets, keyRecords, prices];
    const installed = running.flatMap(part => (part === null ? [] : [part.installed]));
    const lasting = await lastingOf(settings, clock, before?.lasting ?? null);
    const assembly = assemble(settings, {
      clock,
      lasting,
      compiled,
      installed,
      limits: limits.installed,
      pool,
      stateIds,
      upstreams,
      sinks: this.#house.sinks(installed),
    });
    return {
      settings,
      compiled,
      upstreams,
      features,
      limits,
      budgets,
      keyRecords,
      prices,
      installed,
      lasting,
      pool,
      stateIds,
      assembly,
    };
  }

  /** Installs what config asks for; a feature whose settings did not change lives on. */
  async #install(
    settings: Settings,
    house: House,
    before: Build | null,
    fresh: Installed[],
  ): Promise<ReadonlyMap<string, Running>> {
    const features = new Map<string, Running>();
    for (const feature of FEATURES) {
      const section = settings[feature.section];
      if (section === undefined) continue;
      const digest = settingsDigest(section);
      const old = before?.features.get(feature.section) ?? null;
      if (old?.digest === digest) {
        features.set(feature.section, old);
        continue;
      }
      const installed = await feature.install(section as never, house, old?.installed ?? null);
      fresh.push(installed);
      features.set(feature.section, { digest, installed });
    }
    return features;
  }

  async #limits(
    settings: Settings,
    house: House,
    before: Build | null,
    fresh: Installed[],
  ): Promise<Running<Limits>> {
    const mayLimit = grantsMayLimit(settings);
    const digest = settingsDigest([settings.limits, mayLimit]);
    if (before?.limits.digest === digest) return before.limits;
    const installed = await openLimits(
      settings.limits,
      { house, grantsMayLimit: mayLimit },
      before?.limits.installed ?? null,
    );
    fresh.push(installed);
    return { digest, installed };
  }
}

/** Lives on where neither the store, the deny set nor the issuers are others. */
async function keyRecordsOf(
  { auth }: Settings,
  house: House,
  features: ReadonlyMap<string, Running>,
  before: Build | null,
): Promise<Running> {
  const digest = settingsDigest(auth);
  const same = (section: string): boolean =>
    before?.features.get(section)?.installed === features.get(section)?.installed;
  if (before?.keyRecords.digest === digest && same('usage') && same('deny')) return before.keyRecords;
  const register = features.get('usage')?.installed.ledger?.register ?? null;
  const deny = features.get('deny')?.installed ?? null;
  return { digest, installed: await openKeyRecords({ auth, register, deny }, house) };
}

function poolsDiffer(a: Settings, b: Settings): boolean {
  return a.limits.inflight !== b.limits.inflight || a.timeouts.connectMs !== b.timeouts.connectMs;
}
