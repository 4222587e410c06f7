import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, IdSource, packageVersion, systemClock } from '../base/index.ts';
import type { ConfigResult } from '../config/index.ts';
import { type DemoOrigin, startDemoOrigin } from '../demo/index.ts';
import type { Refusal } from '../errors/index.ts';
import { LineBudget, Log, type LogOptions } from '../observe/index.ts';
import type { Fact, FactSink, House, Installed, Warning } from '../pipeline/index.ts';
import type { CompiledProviders, PriceFile } from '../providers/index.ts';
import { DnsCache, type DrainTimes, Listener, RequestHandler, Upstreams } from '../proxy/index.ts';
import { recordAdmins } from './admin-record.ts';
import { type Build, Builder } from './builder.ts';
import { Ops, type OpsView } from './ops.ts';
import { compileSettingsProviders, wantsScripted } from './providers.ts';
import type { Settings } from './settings.ts';
import { settingsDigest } from './settings-digest.ts';
import type { SettingsLoader } from './settings-loader.ts';
import { tlsPairOf } from './settings-traits.ts';

const TICK_MS = 1000;
const IDLE_CHECK_MS = 20;
/** As many refusals as have a fact of their own. */
const EXPLANATIONS_PER_SECOND = 50;
const NO_DRAIN: DrainTimes = { lameDuckMs: 0, drainMs: 0 };

export interface GatewayOptions {
  /** The operational log; without it facts and warnings are events only. */
  readonly log?: LogOptions | null;
}

export interface GatewayEvents {
  /** Every settled exchange, once. */
  fact: [Fact];
  /** Something worth an operator's eye that failed no request. */
  warning: [Warning];
}

/** Facts are named after the machine; only what a file name can hold is kept. */
function instanceName(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9.]/g, '')
      .slice(0, 63) || 'weir'
  );
}

/**
 * A running gateway: the composition root's product. `handler` serves requests
 * of anybody's server; `listen` opens one of its own.
 */
export class Gateway extends EventEmitter<GatewayEvents> {
  readonly #clock: Clock;
  readonly #loader: SettingsLoader;
  readonly #ids = IdSource.create(instanceName());
  readonly #dns: DnsCache;
  readonly #log: Log | null;
  readonly #ticks: NodeJS.Timeout;
  readonly #explanations: LineBudget;
  /** What a reload replaced and running exchanges may still use; closed when the last of them is over. */
  readonly #retired = new Set<() => Promise<void>>();
  readonly #builder: Builder;
  #build!: Build;
  #ops: Ops | null = null;
  #demo: DemoOrigin | null = null;
  #proxy!: RequestHandler;
  #listener: Listener | null = null;
  #closing: Promise<void> | null = null;
  /** Reloads one after the other. */
  #applying: Promise<unknown> = Promise.resolve();

  private constructor(loader: SettingsLoader, log: Log | null, clock: Clock) {
    super();
    this.#loader = loader;
    this.#log = log;
    this.#clock = clock;
    this.#dns = new DnsCache(clock);
    this.#explanations = new LineBudget(clock, EXPLANATIONS_PER_SECOND);
    this.#builder = new Builder({
      clock,
      house: compiled => this.#house(compiled),
      compile: (settings, prices) => this.#compile(settings, prices),
      warn: warning => this.#warn(warning),
      pricesChanged: () => this.#takePrices(),
      upstreams: ({ limits, timeouts }) => new Upstreams(limits.inflight, timeouts.connectMs, this.#dns),
      sinks: installed => this.#sinks(installed),
    });
    this.#ticks = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  static async start(settings: Settings, loader: SettingsLoader, options: GatewayOptions): Promise<Gateway> {
    const log = options.log ? await Log.open(options.log) : null;
    const gateway = new Gateway(loader, log, systemClock);
    try {
      if (settings.ops !== undefined)
        gateway.#ops = await Ops.create(settings.ops, gateway.#opsView(), packageVersion());
      const built = gateway.#builder.build(settings, null).then(build => gateway.#commit(build));
      // Prices may change as soon as there are any: they are taken after this.
      gateway.#applying = built.catch(() => {});
      await built;
    } catch (error) {
      await gateway.close({ lameDuckMs: 0, drainMs: 0 });
      throw error;
    }
    return gateway;
  }

  #tick(): void {
    if (this.#proxy === undefined) return;
    this.#proxy.checkDeadlines();
    if (
      this.#retired.size > 0 &&
      ![...this.#proxy.live].some(({ plan }) => plan !== this.#build.assembly.plan)
    ) {
      void this.#closeRetired();
    }
  }

  /** What fails to close is a bug, and stops nothing else. */
  async #closed(installed: Installed): Promise<void> {
    try {
      await installed.close?.();
    } catch (error) {
      this.#bug(error, 'reload');
    }
  }

  async #closeRetired(): Promise<void> {
    const closing = [...this.#retired];
    this.#retired.clear();
    await Promise.all(closing.map(close => close()));
  }

  #house(compiled: CompiledProviders): House {
    return {
      clock: this.#clock,
      instance: this.#ids.instance,
      boot: this.#ids.boot,
      providers: compiled.providers,
      warn: warning => this.#warn(warning),
      endWhere: verdict => this.#proxy?.endWhere(verdict),
    };
  }

  #opsView(): OpsView {
    return {
      clock: this.#clock,
      ids: this.#ids,
      settings: () => this.#build.settings,
      installed: () => this.#build.installed,
      pool: () => this.#build.pool,
      prices: () => this.#build.compiled.prices,
      proxy: () => this.#proxy,
      record: (fact, recorded) => this.#build.assembly.settler.record(fact, recorded),
      reportBug: (error, requestId) => this.#bug(error, requestId),
    };
  }

  /** Serves new exchanges by a build. One step: no exchange sees half of it. */
  #commit(build: Build): void {
    this.#build = build;
    const { plan } = build.assembly;
    this.#proxy ??= new RequestHandler(
      {
        clock: this.#clock,
        ids: this.#ids,
        reportBug: (error, id) => this.#bug(error, id),
        explain: (refusal, id) => this.#explain(refusal, id),
      },
      plan,
    );
    this.#proxy.plan = plan;
    this.#ops?.update();
    this.#listener?.update(
      build.settings.limits.connections,
      build.settings.timeouts,
      tlsPairOf(build.settings),
    );
  }

  #explain({ code, detail }: Refusal, requestId: string): void {
    if (this.#log !== null && this.#explanations.take()) this.#log.info(`${requestId}  ${code}: ${detail}`);
  }

  /** Another list of prices is served as a reload is: in one step, and running exchanges keep theirs. */
  #takePrices(): void {
    const taken = this.#applying.then(() => this.#apply(this.#build.settings));
    this.#applying = taken.catch(() => {});
    taken.then(
      result => {
        if (result.ok) this.#log?.info('a new list of prices serves');
        else if (this.#closing === null)
          this.#warn({ code: 'price_list_not_served', message: result.problems[0]!.message });
      },
      error => this.#bug(error, 'prices'),
    );
  }

  async #compile(settings: Settings, prices: PriceFile | null): Promise<CompiledProviders> {
    const { catalogue } = this.#loader;
    const scripted = wantsScripted(settings, catalogue);
    if (scripted) this.#demo ??= await startDemoOrigin();
    const origin = scripted ? this.#demo!.origin : null;
    const compiled = compileSettingsProviders(settings, catalogue, this.#clock, origin, prices);
    // The loader has compiled the same section, so nothing is left to be wrong.
    if ('providers' in compiled) return compiled;
    throw new Error(compiled.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  }

  #sinks(installed: readonly Installed[]): readonly FactSink[] {
    const event: FactSink = {
      name: 'event',
      take: fact => {
        try {
          this.emit('fact', fact);
        } catch (error) {
          // A listener of the host must not keep a client waiting for the end of its answer.
          this.#bug(error, fact.id);
        }
        return false;
      },
    };
    const own = this.#ops === null || this.#ops.metrics === null ? [event] : [this.#ops.metrics, event];
    if (this.#log === null) return own;
    const isKept = installed.some(({ keepsFacts }) => keepsFacts === true);
    return [this.#log.sink(!isKept), ...own];
  }

  #warn(warning: Warning): void {
    this.#log?.warn(warning);
    this.emit('warning', warning);
  }

  #bug(error: unknown, requestId: string): void {
    this.#log?.bug(error, requestId);
    const message = error instanceof Error ? error.message : String(error);
    this.emit('warning', { code: 'internal', message: `${requestId}: ${message}` });
  }

  /** Serves one request of a node:http server. Never throws. */
  readonly handler = (req: IncomingMessage, res: ServerResponse): void => {
    this.#proxy.handle(req, res, 'plain');
  };

  /**
   * Opens the data listener of the settings, and the ops listener where there is
   * one. Rejects with the system's error, such as EADDRINUSE.
   */
  async listen(): Promise<{ readonly url: string; readonly opsUrl: string | null }> {
    if (this.#closing !== null || this.#listener !== null)
      throw new Error('this gateway listens already, or is closed');
    const { listen, limits, timeouts } = this.#build.settings;
    const { host, port, path } = listen;
    const settings = {
      host,
      port,
      path: path ?? null,
      tls: tlsPairOf(this.#build.settings),
      connections: limits.connections,
    };
    const listener = new Listener(settings, timeouts, this.#proxy);
    const opsUrl = this.#ops === null ? null : await this.#ops.open();
    const url = await listener.open();
    this.#listener = listener;
    return { url, opsUrl };
  }

  /**
   * Serves new exchanges by another config; running ones keep theirs. A config
   * that is not valid, or changes what only a restart can (`listen`), leaves
   * everything as it was: the result says why.
   */
  async reload(config: object): Promise<ConfigResult<Settings>> {
    const loaded = this.#loader.load({ object: config });
    return loaded.ok ? this.apply(loaded.settings) : loaded;
  }

  /** `reload` with settings that the loader gave. */
  apply(settings: Settings): Promise<ConfigResult<Settings>> {
    const applied = this.#applying.then(() => this.#apply(settings));
    this.#applying = applied.catch(() => {});
    return applied;
  }

  async #apply(settings: Settings): Promise<ConfigResult<Settings>> {
    if (this.#closing !== null) return refusedReload('', 'the gateway is closing');
    const before = this.#build;
    for (const section of ['listen', 'ops'] as const) {
      if (settingsDigest(fixedOf(settings, section)) !== settingsDigest(fixedOf(before.settings, section)))
        return refusedReload(section, `${section} changes only by a restart: nothing was reloaded`);
    }
    try {
      this.#commit(await this.#builder.build(settings, before));
    } catch (error) {
      return refusedReload('', error instanceof Error ? error.message : String(error));
    }
    before.pool.retire(this.#build.pool);
    recordAdmins(this.#opsView(), before.settings);
    before.assembly.settler.close();
    const { upstreams } = before;
    if (upstreams !== this.#build.upstreams) this.#retired.add(() => upstreams.close());
    const kept = new Set(this.#build.installed);
    for (const installed of before.installed.filter(old => !kept.has(old))) {
      installed.retire?.();
      if (installed.closesAtOnce) await this.#closed(installed);
      else this.#retired.add(() => this.#closed(installed));
    }
    return { ok: true, settings, files: [], warnings: [] };
  }

  /**
   * Takes no new connections, lets running exchanges end for `drainMs`, cuts the
   * rest, then closes everything. Defaults are the settings' `drain`.
   */
  close(times: Partial<DrainTimes> = {}): Promise<void> {
    this.#closing ??= this.#close(times);
    return this.#closing;
  }

  async #close(times: Partial<DrainTimes>): Promise<void> {
    const { lameDuckMs, drainMs } = { ...(this.#build?.settings.drain ?? NO_DRAIN), ...times };
    if (this.#listener !== null) await this.#listener.drain({ lameDuckMs, drainMs });
    else if (this.#proxy !== undefined) await this.#awaitIdle(drainMs);
    await this.#applying;
    clearInterval(this.#ticks);
    // First: what is changed must be on record, and the journal is about to close.
    await this.#ops?.close();
    await this.#closeRetired();
    if (this.#build !== undefined) {
      this.#build.assembly.settler.close();
      await Promise.all(this.#build.installed.map(installed => installed.close?.()));
      await this.#build.upstreams.destroy();
    }
    await this.#demo?.close();
    this.#log?.flush();
  }

  /** Without a listener of its own the gateway waits for the exchanges of its host's server. */
  async #awaitIdle(drainMs: number): Promise<void> {
    this.#proxy.startDraining();
    const untilMs = this.#clock.monotonicMs() + drainMs;
    while (this.#proxy.busy > 0 && this.#clock.monotonicMs() < untilMs) await delay(IDLE_CHECK_MS);
    this.#proxy.cutAll();
  }

  /** Cuts every exchange now; a pending `close` then ends at once. */
  closeNow(): void {
    if (this.#listener !== null) this.#listener.cutAll();
    else this.#proxy.cutAll();
  }
}

function refusedReload(path: string, message: string): ConfigResult<Settings> {
  return { ok: false, problems: [{ file: null, line: null, column: null, path, message, suggestion: null }] };
}

/** The part of a section that only a restart changes: admin keys and host names of ops may come and go. */
function fixedOf(settings: Settings, section: 'listen' | 'ops'): unknown {
  // A renewed certificate is taken over by a reload.
  if (section === 'listen') return { ...settings.listen, tls: settings.listen.tls !== undefined };
  if (settings.ops === undefined) return undefined;
  const { host, port, metrics } = settings.ops;
  return { host, port, hasMetrics: metrics !== 'off' };
}
