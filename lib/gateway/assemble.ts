import { basename, dirname, join } from 'node:path';
import type { Clock, Secret } from '../base/index.ts';
import { IdentifyStage, installationSecret, PoolStage, StaticKeys } from '../keys/index.ts';
import {
  compileStages,
  type FactSink,
  type House,
  type Installed,
  type Provider,
} from '../pipeline/index.ts';
import type { CompiledProviders } from '../providers/index.ts';
import type { Plan, Upstreams } from '../proxy/index.ts';
import { openTap, Settler, type UsageSettings } from '../usage/index.ts';
import type { Settings } from './settings.ts';

export interface Parts {
  readonly clock: Clock;
  readonly house: House;
  readonly compiled: CompiledProviders;
  readonly installed: readonly Installed[];
  readonly upstreams: Upstreams;
  /** Sinks that are always there: the log, the `fact` event. */
  readonly sinks: readonly FactSink[];
}

/** A plan and what must be closed when it is replaced. */
export interface Assembly {
  readonly plan: Plan;
  readonly settler: Settler;
}

/** Beside the journal's folder where there is one, so that BYO keys keep their name in facts. */
function secretFile(usage: UsageSettings | undefined): string | null {
  if (usage === undefined || usage.journal === 'none') return null;
  return join(dirname(usage.journal), `${basename(usage.journal)}.secret`);
}

/** Whether clients may bring their own provider keys (CONTRACT §2). */
export function isByo(settings: Settings): boolean {
  return settings.auth.byo ?? settings.auth.staticKeys.length === 0;
}

function coreStages(settings: Settings, providers: Iterable<Provider>, secret: Secret) {
  const { open, staticKeys } = settings.auth;
  return [
    new IdentifyStage({
      byo: isByo(settings),
      open,
      staticKeys: new StaticKeys(staticKeys),
      installationSecret: secret,
    }),
    new PoolStage(providers),
  ];
}

/** Compiles settings into the one object the proxy runs on. */
export function assemble(settings: Settings, parts: Parts): Assembly {
  const { compiled, installed } = parts;
  const usage = settings.usage as UsageSettings | undefined;
  const secret = installationSecret(secretFile(usage));
  const stages = compileStages([
    ...coreStages(settings, compiled.providers.values(), secret),
    ...installed.flatMap(feature => feature.stages ?? []),
  ]);
  const settler = new Settler({
    clock: parts.clock,
    sinks: [...installed.flatMap(feature => feature.sinks ?? []), ...parts.sinks],
    tagHeaders: usage?.tagHeaders ?? [],
  });
  const blockers = installed.flatMap(feature => (feature.blockedBy ? [feature.blockedBy] : []));
  const { open } = settings.auth;
  const byo = isByo(settings);
  const plan: Plan = {
    providers: compiled.providers,
    bare: compiled.bare,
    early: stages.filter(({ phase }) => phase === 'identify' || phase === 'limit'),
    late: stages.filter(({ phase }) => phase === 'inspect' || phase === 'route'),
    bodyBytesMax: settings.limits.bodyBytes,
    inflightMax: settings.limits.inflight,
    timeouts: settings.timeouts,
    site: {
      corsOrigins: new Set(settings.listen.cors),
      hosts: new Set(settings.listen.hosts.map(name => name.toLowerCase())),
    },
    isOpen: provider =>
      (open && provider.keys.length > 0) || (provider.scheme.name === 'none' && (open || byo)),
    upstreams: parts.upstreams,
    openTap,
    settle: (exchange, recorded) => settler.settle(exchange, recorded),
    holdsEnd: installed.some(feature => feature.holdsEnd === true),
    blockedBy: blockers.length === 0 ? () => null : () => firstBlocker(blockers),
  };
  return { plan: Object.freeze(plan), settler };
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
