import type { Clock } from '../base/index.ts';
import { Pool, StateIds } from '../keys/index.ts';
import { type Limits, openLimits } from '../limits/index.ts';
import type { FactSink, House, Installed } from '../pipeline/index.ts';
import type { CompiledProviders } from '../providers/index.ts';
import type { Upstreams } from '../proxy/index.ts';
import { type Assembly, assemble } from './assemble.ts';
import { budgetsOf, type RunningBudgets } from './budgets.ts';
import { FEATURES } from './features.ts';
import { type Lasting, lastingOf } from './lasting.ts';
import type { Settings } from './settings.ts';
import { settingsDigest } from './settings-digest.ts';

/** A feature as it was installed, and from which settings. */
interface Running<I extends Installed = Installed> {
  readonly digest: string;
  readonly installed: I;
}

/** Everything that one set of settings amounts to. */
export interface Build {
  readonly settings: Settings;
  readonly upstreams: Upstreams;
  /** By config section. */
  readonly features: ReadonlyMap<string, Running>;
  readonly limits: Running<Limits>;
  /** Null where neither the config nor a key can bring one. */
  readonly budgets: RunningBudgets | null;
  /** All that was installed, of these. */
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
  compile(settings: Settings): Promise<CompiledProviders>;
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
    const compiled = await this.#house.compile(settings);
    const house = this.#house.house(compiled);
    const fresh: Installed[] = [];
    try {
      const features = await this.#install(settings, house, before, fresh);
      const limits = await this.#limits(settings, house, before, fresh);
      const installed = [...features.values()].map(running => running.installed);
      const budgets = budgetsOf(settings, house, installed, before?.budgets ?? null);
      if (budgets !== null && budgets !== before?.budgets) fresh.push(budgets.installed);
      return await this.#assemble(settings, compiled, { features, limits, budgets }, before);
    } catch (error) {
      await Promise.all(fresh.map(installed => installed.close?.()));
      throw error;
    }
  }

  async #assemble(
    settings: Settings,
    compiled: CompiledProviders,
    parts: Pick<Build, 'features' | 'limits' | 'budgets'>,
    before: Build | null,
  ): Promise<Build> {
    const { clock } = this.#house;
    const { features, limits, budgets } = parts;
    const pooled = [...compiled.providers.values()].some(({ keys }) => keys.length > 1);
    const stateIds = pooled ? (before?.stateIds ?? new StateIds()) : null;
    const pool = new Pool(
      {
        clock,
        providers: compiled.providers.values(),
        boundKey: stateIds === null ? null : exchange => stateIds.keyFor(exchange),
        warn: warning => this.#house.house(compiled).warn(warning),
      },
      before?.pool ?? null,
    );
    const upstreams =
      before === null || poolsDiffer(before.settings, settings)
        ? this.#house.upstreams(settings)
        : before.upstreams;
    const installed = [...features.values(), limits, ...(budgets === null ? [] : [budgets])].map(
      running => running.installed,
    );
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
    return { settings, upstreams, features, limits, budgets, installed, lasting, pool, stateIds, assembly };
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
    const { staticKeys, issuers } = settings.auth;
    const grantsMayLimit = issuers.length > 0 || staticKeys.some(({ grant }) => grant !== undefined);
    const digest = settingsDigest([settings.limits, grantsMayLimit]);
    if (before?.limits.digest === digest) return before.limits;
    const installed = await openLimits(
      settings.limits,
      { house, grantsMayLimit },
      before?.limits.installed ?? null,
    );
    fresh.push(installed);
    return { digest, installed };
  }
}

function poolsDiffer(a: Settings, b: Settings): boolean {
  return a.limits.inflight !== b.limits.inflight || a.timeouts.connectMs !== b.timeouts.connectMs;
}
