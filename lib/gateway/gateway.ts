import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, IdSource, systemClock } from '../base/index.ts';
import type { ConfigResult } from '../config/index.ts';
import { type DemoOrigin, startDemoOrigin } from '../demo/index.ts';
import { Log, type LogOptions } from '../observe/index.ts';
import type { Fact, FactSink, House, Installed, Warning } from '../pipeline/index.ts';
import type { CompiledProviders } from '../providers/index.ts';
import { DnsCache, type DrainTimes, Listener, RequestHandler, Upstreams } from '../proxy/index.ts';
import { type Assembly, assemble } from './assemble.ts';
import { FEATURES } from './features.ts';
import { compileSettingsProviders, wantsScripted } from './providers.ts';
import type { Settings } from './settings.ts';
import { settingsDigest } from './settings-digest.ts';
import type { SettingsLoader } from './settings-loader.ts';

const DEADLINE_CHECK_MS = 1000;
const IDLE_CHECK_MS = 20;

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

/** A feature as it was installed, with the settings it was installed from. */
interface Running {
  readonly settings: string;
  readonly installed: Installed;
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
  readonly #features = new Map<string, Running>();
  readonly #deadlines: NodeJS.Timeout;
  #settings: Settings;
  #assembly!: Assembly;
  #upstreams: Upstreams;
  #demo: DemoOrigin | null = null;
  #proxy!: RequestHandler;
  #listener: Listener | null = null;
  #compiled!: CompiledProviders;

  private constructor(settings: Settings, loader: SettingsLoader, log: Log | null, clock: Clock) {
    super();
    this.#loader = loader;
    this.#settings = settings;
    this.#log = log;
    this.#clock = clock;
    this.#dns = new DnsCache(clock);
    this.#upstreams = this.#openUpstreams(settings);
    this.#deadlines = setInterval(() => this.#proxy?.checkDeadlines(), DEADLINE_CHECK_MS).unref();
  }

  static async start(settings: Settings, loader: SettingsLoader, options: GatewayOptions): Promise<Gateway> {
    const log = options.log ? await Log.open(options.log) : null;
    const gateway = new Gateway(settings, loader, log, systemClock);
    try {
      await gateway.#assemble(settings);
    } catch (error) {
      await gateway.close({ lameDuckMs: 0, drainMs: 0 });
      throw error;
    }
    return gateway;
  }

  #openUpstreams({ limits, timeouts }: Settings): Upstreams {
    return new Upstreams(limits.inflight, timeouts.connectMs, this.#dns);
  }

  async #assemble(settings: Settings): Promise<void> {
    this.#compiled = await this.#compile(settings);
    const house: House = {
      clock: this.#clock,
      instance: this.#ids.instance,
      boot: this.#ids.boot,
      providers: this.#compiled.providers,
      warn: warning => this.#warn(warning),
    };
    const installed = await this.#install(settings, house);
    this.#assembly = assemble(settings, {
      clock: this.#clock,
      house,
      compiled: this.#compiled,
      installed,
      upstreams: this.#upstreams,
      sinks: this.#sinks(installed),
    });
    this.#proxy ??= new RequestHandler(
      { clock: this.#clock, ids: this.#ids, reportBug: (error, id) => this.#bug(error, id) },
      this.#assembly.plan,
    );
    this.#proxy.plan = this.#assembly.plan;
  }

  async #compile(settings: Settings): Promise<CompiledProviders> {
    const { catalogue } = this.#loader;
    const scripted = wantsScripted(settings, catalogue);
    if (scripted) this.#demo ??= await startDemoOrigin();
    const origin = scripted ? this.#demo!.origin : null;
    const compiled = compileSettingsProviders(settings, catalogue, this.#clock, origin);
    // The loader has compiled the same section, so nothing is left to be wrong.
    if ('providers' in compiled) return compiled;
    throw new Error(compiled.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  }

  /** Installs what config asks for; a feature whose settings did not change lives on. */
  async #install(settings: Settings, house: House): Promise<Installed[]> {
    const installed: Installed[] = [];
    for (const feature of FEATURES) {
      const section = settings[feature.section];
      if (section === undefined) continue;
      const key = settingsDigest(section);
      let running = this.#features.get(feature.section);
      if (running?.settings !== key) {
        running = { settings: key, installed: await feature.install(section as never, house) };
        this.#features.set(feature.section, running);
      }
      installed.push(running.installed);
    }
    return installed;
  }

  #sinks(installed: readonly Installed[]): FactSink[] {
    const event: FactSink = {
      name: 'event',
      take: fact => {
        this.emit('fact', fact);
        return false;
      },
    };
    if (this.#log === null) return [event];
    const isKept = installed.some(({ sinks }) => sinks !== undefined && sinks.length > 0);
    return [this.#log.sink(!isKept), event];
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

  /** Opens the data listener of the settings. Rejects with the system's error, such as EADDRINUSE. */
  async listen(): Promise<{ readonly url: string }> {
    const { listen, limits, timeouts } = this.#settings;
    const tls = listen.tls === undefined ? null : { cert: listen.tls.cert, key: listen.tls.key.reveal() };
    const { host, port, path } = listen;
    const settings = { host, port, path: path ?? null, tls, connections: limits.connections };
    const listener = new Listener(settings, timeouts, this.#proxy);
    const url = await listener.open();
    this.#listener = listener;
    return { url };
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
  async apply(settings: Settings): Promise<ConfigResult<Settings>> {
    if (settingsDigest(settings.listen) !== settingsDigest(this.#settings.listen)) {
      const message = 'listen changes only by a restart: nothing was reloaded';
      return {
        ok: false,
        problems: [{ file: null, line: null, column: null, path: 'listen', message, suggestion: null }],
      };
    }
    const before = { settings: this.#settings, upstreams: this.#upstreams, assembly: this.#assembly };
    const features = new Map(this.#features);
    if (poolsDiffer(before.settings, settings)) this.#upstreams = this.#openUpstreams(settings);
    await this.#assemble(settings);
    this.#settings = settings;
    await this.#retire(before, features);
    return { ok: true, settings, files: [], warnings: [] };
  }

  /** Closes what the reload replaced, once nothing uses it. */
  async #retire(
    before: { readonly upstreams: Upstreams; readonly assembly: Assembly },
    features: ReadonlyMap<string, Running>,
  ): Promise<void> {
    before.assembly.settler.close();
    if (before.upstreams !== this.#upstreams) void before.upstreams.close();
    for (const [section, running] of features) {
      if (this.#settings[section] === undefined) this.#features.delete(section);
      if (this.#features.get(section) !== running) this.#closeWhenIdle(running.installed, before.assembly);
    }
  }

  #closeWhenIdle(installed: Installed, assembly: Assembly): void {
    const timer = setInterval(() => {
      for (const run of this.#proxy.live) if (run.plan === assembly.plan) return;
      clearInterval(timer);
      void installed.close?.();
    }, DEADLINE_CHECK_MS);
    timer.unref();
  }

  /**
   * Takes no new connections, lets running exchanges end for `drainMs`, cuts the
   * rest, then closes everything. Defaults are the settings' `drain`.
   */
  async close(times: Partial<DrainTimes> = {}): Promise<void> {
    const { lameDuckMs, drainMs } = { ...this.#settings.drain, ...times };
    if (this.#listener !== null) await this.#listener.drain({ lameDuckMs, drainMs });
    else if (this.#proxy !== undefined) await this.#awaitIdle(drainMs);
    clearInterval(this.#deadlines);
    this.#assembly?.settler.close();
    await Promise.all([...this.#features.values()].map(({ installed }) => installed.close?.()));
    this.#features.clear();
    await this.#upstreams.destroy();
    await this.#demo?.close();
    this.#log?.flush();
  }

  /** Without a listener of its own the gateway waits for the exchanges of its host's server. */
  async #awaitIdle(drainMs: number): Promise<void> {
    this.#proxy.draining = true;
    const untilMs = this.#clock.monotonicMs() + drainMs;
    while (this.#proxy.live.size > 0 && this.#clock.monotonicMs() < untilMs) await delay(IDLE_CHECK_MS);
    for (const run of [...this.#proxy.live]) run.cut('drainCut', null);
  }

  /** Cuts every exchange now; a pending `close` then ends at once. */
  closeNow(): void {
    this.#listener?.cutAll();
  }
}

function poolsDiffer(a: Settings, b: Settings): boolean {
  return a.limits.inflight !== b.limits.inflight || a.timeouts.connectMs !== b.timeouts.connectMs;
}
