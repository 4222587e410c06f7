import type { Clock } from '../base/index.ts';
import type { Pool, StateIds } from '../keys/index.ts';
import type { Limits } from '../limits/index.ts';
import type { Exchange, FactSink, Installed } from '../pipeline/index.ts';
import type { CompiledProviders } from '../providers/index.ts';
import { ClientAddresses, type Plan, type Upstreams } from '../proxy/index.ts';
import { Settler, tapOpener, type UsageSettings } from '../usage/index.ts';
import { AddressSet } from '../wire/index.ts';
import type { Lasting } from './lasting.ts';
import { coreStages, planStages } from './plan-stages.ts';
import type { Settings } from './settings.ts';
import { hasOwnKeys, isOpenTo } from './settings-traits.ts';

export interface Parts {
  readonly clock: Clock;
  readonly compiled: CompiledProviders;
  readonly installed: readonly Installed[];
  readonly limits: Limits;
  readonly lasting: Lasting;
  readonly pool: Pool;
  readonly stateIds: StateIds | null;
  readonly upstreams: Upstreams;
  /** Sinks that are always there: the log, the `fact` event. */
  readonly sinks: readonly FactSink[];
}

/** A plan and what must be closed when it is replaced. */
export interface Assembly {
  readonly plan: Plan;
  readonly settler: Settler;
}

/** Compiles settings into the one object the proxy runs on. */
export function assemble(settings: Settings, parts: Parts): Assembly {
  const { compiled, installed, limits, stateIds } = parts;
  const { listen } = settings;
  const usage = settings.usage as UsageSettings | undefined;
  const { admit, early, late } = planStages(coreStages(settings, parts), installed);
  const estimates = usage?.estimate ?? false;
  const settler = new Settler({
    clock: parts.clock,
    sinks: [...installed.flatMap(feature => feature.sinks ?? []), ...parts.sinks],
    tagHeaders: usage?.tagHeaders ?? [],
    estimates,
  });
  const blockers = installed.flatMap(feature => (feature.blockedBy ? [feature.blockedBy] : []));
  const openers = installed.flatMap(feature => (feature.opened ? [feature.opened] : []));
  const plan: Plan = {
    providers: compiled.providers,
    bare: compiled.bare,
    addresses: new ClientAddresses(listen.trustedProxies),
    readsAddress: admit.length > 0 || listen.allow.length > 0 || hasOwnKeys(settings),
    allow: listen.allow.length === 0 ? null : new AddressSet(listen.allow),
    connectionsPerAddress: settings.limits.connectionsPerAddress,
    admit,
    early,
    late,
    bodyBytesMax: settings.limits.bodyBytes,
    bodyRoom: parts.lasting.bodyRoom,
    inflightMax: settings.limits.inflight,
    readsOutputLimit: limits.readsOutputLimit,
    limitHeaders: limits.limitHeaders,
    pool: parts.pool,
    timeouts: settings.timeouts,
    site: {
      corsOrigins: new Set(listen.cors),
      hosts: new Set(listen.hosts.map(name => name.toLowerCase())),
    },
    isOpen: provider => isOpenTo(settings, provider),
    upstreams: parts.upstreams,
    metersText: estimates,
    openTap: tapOpener(stateIds === null ? null : (exchange, id) => stateIds.learn(exchange, id), estimates),
    settle: (exchange, recorded) => settler.settle(exchange, recorded),
    opened: openers.length === 0 ? null : exchange => tellAll(openers, exchange),
    holdsEnd: installed.some(feature => feature.holdsEnd === true),
    blockedBy: blockers.length === 0 ? () => null : () => firstBlocker(blockers),
  };
  return { plan: Object.freeze(plan), settler };
}

function tellAll(openers: readonly ((exchange: Exchange) => void)[], exchange: Exchange): void {
  for (const opened of openers) opened(exchange);
}

function firstBlocker(
  blockers: readonly (() => 'journal_unavailable' | null)[],
): 'journal_unavailable' | null {
  for (const blocker of blockers) {
    const code = blocker();
    if (code !== null) return code;
  }
  return null;
}
