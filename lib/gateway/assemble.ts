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
import type { Limits } from '../limits/index.ts';
import { type Exchange, type FactSink, type Installed, type Stage, stagesOf } from '../pipeline/index.ts';
import type { CompiledProviders } from '../providers/index.ts';
import { ClientAddresses, type Plan, type Upstreams } from '../proxy/index.ts';
import { Settler, tapOpener, type UsageSettings } from '../usage/index.ts';
import { AddressSet } from '../wire/index.ts';
import type { Lasting } from './lasting.ts';
import type { Settings } from './settings.ts';

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

/** Whether a credential of ours exists: a key that we signed, or a static one. */
function hasOwnKeys({ auth }: Settings): boolean {
  return auth.staticKeys.length > 0 || auth.issuers.length > 0;
}

/** Whether clients may bring their own provider keys (CONTRACT §2). */
export function isByo(settings: Settings): boolean {
  return settings.auth.byo ?? !hasOwnKeys(settings);
}

function coreStages(settings: Settings, { clock, lasting, pool, stateIds }: Parts): readonly Stage[] {
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

/** Compiles settings into the one object the proxy runs on. */
export function assemble(settings: Settings, parts: Parts): Assembly {
  const { compiled, installed, limits, stateIds } = parts;
  const { listen, auth } = settings;
  const usage = settings.usage as UsageSettings | undefined;
  const estimates = usage?.estimate ?? false;
  const stages = [...coreStages(settings, parts), ...installed.flatMap(feature => feature.stages ?? [])];
  const admit = installed.flatMap(feature => feature.admitStages ?? []);
  const settler = new Settler({
    clock: parts.clock,
    sinks: [...installed.flatMap(feature => feature.sinks ?? []), ...parts.sinks],
    tagHeaders: usage?.tagHeaders ?? [],
    estimates,
  });
  const blockers = installed.flatMap(feature => (feature.blockedBy ? [feature.blockedBy] : []));
  const openers = installed.flatMap(feature => (feature.opened ? [feature.opened] : []));
  const byo = isByo(settings);
  const plan: Plan = {
    providers: compiled.providers,
    bare: compiled.bare,
    addresses: new ClientAddresses(listen.trustedProxies),
    readsAddress: admit.length > 0 || listen.allow.length > 0 || hasOwnKeys(settings),
    allow: listen.allow.length === 0 ? null : new AddressSet(listen.allow),
    connectionsPerAddress: settings.limits.connectionsPerAddress,
    admit,
    early: stagesOf(stages, ['identify', 'authorize', 'limit']),
    late: stagesOf(stages, ['inspect', 'route']),
    bodyBytesMax: settings.limits.bodyBytes,
    inflightMax: settings.limits.inflight,
    readsOutputLimit: limits.readsOutputLimit,
    limitHeaders: limits.limitHeaders,
    pool: parts.pool,
    timeouts: settings.timeouts,
    site: {
      corsOrigins: new Set(listen.cors),
      hosts: new Set(listen.hosts.map(name => name.toLowerCase())),
    },
    isOpen: provider =>
      (auth.open && provider.keys.length > 0) || (provider.scheme.name === 'none' && (auth.open || byo)),
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
