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

const TICK_MS = 1000;
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

/** A feature as it was installed, and from which settings. */
interface Running {
  readonly digest: string;
  readonly installed: Installed;
}

/** Everything that one set of settings amounts to. */
interface Build {
  readonly settings: Settings;
  readonly upstreams: Upstreams;
  readonly features: ReadonlyMap<string, Running>;
  readonly assembly: Assembly;
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
  #features: ReadonlyMap<string, Running> = new Map();
  /** What a reload replaced and running exchanges may still use; closed when the last of them is over. */
  readonly #retired = new Set<() => Promise<void>>();
  #settings: Settings;
  #assembly!: Assembly;
  #upstreams: Upstreams;
  #demo: DemoOrigin | null = null;
  #proxy!: RequestHandler;
  #listener: Listener | null = null;
  #closing: Promise<void> | null = null;
  /** Reloads one after the other. */
  #applying: Promise<unknown> = Promise.resolve();

  private constructor(settings: Settings, loader: SettingsLoader, log: Log | null, clock: Clock) {
    super();
    this.#settings = settings;
    this.#loader = loader;
    this.#log = log;
    this.#clock = clock;
    this.#dns = new DnsCache(clock);
    this.#upstreams = this.#openUpstreams(settings);
    this.#ticks = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  static async start(settings: Settings, loader: SettingsLoader, options: GatewayOptions): Promise<Gateway> {
    const log = options.log ? await Log.open(options.log) : null;
    const gateway = new Gateway(settings, loader, log, systemClock);
    try {
      gateway.#commit(await gateway.#build(settings, gateway.#upstreams));
    } catch (error) {
      await gateway.close({ lameDuckMs: 0, drainMs: 0 });
      throw error;
    }
    return gateway;
  }

  #tick(): void {
    if (this.#proxy === undefined) return;
    this.#proxy.checkDeadlines();
    if (this.#retired.size > 0 && ![...this.#proxy.live].some(({ plan }) => plan !== this.#assembly.plan)) {
      void this.#closeRetired();
    }
  }

  async #closeRetired(): Promise<void> {
    const closing = [...this.#retired];
    this.#retired.clear();
    await Promise.all(closing.map(close => close()));
  }

  #openUpstreams({ limits, timeouts }: Settings): Upstreams {
    return new Upstreams(limits.inflight, timeouts.connectMs, this.#dns);
  }

  /** Builds all that settings ask for and changes nothing that serves. */
  async #build(settings: Settings, upstreams: Upstreams): Promise<Build> {
    const compiled = await this.#compile(settings);
    const house: House = {
      clock: this.#clock,
      instance: this.#ids.instance,
      boot: this.#ids.boot,
      providers: compiled.providers,
      warn: warning => this.#warn(warning),
    };
    const features = await this.#install(settings, house);
    const installed = [...features.values()].map(running => running.installed);
    const sinks = this.#sinks(installed);
    const assembly = assemble(settings, { clock: this.#clock, house, compiled, installed, upstreams, sinks });
    return { settings, upstreams, features, assembly };
  }

  /** Serves new exchanges by a build. One step: no exchange sees half of it. */
  #commit({ settings, upstreams, features, assembly }: Build): void {
    this.#settings = settings;
    this.#upstreams = upstreams;
    this.#features = features;
    this.#assembly = assembly;
    this.#proxy ??= new RequestHandler(
      {
        clock: this.#clock,
        ids: this.#ids,
        reportBug: (error, id) => this.#bug(error, id),
        explain: ({ code, detail }, id) => this.#log?.info(`${id}  ${code}: ${detail}`),
      },
      assembly.plan,
    );
    this.#proxy.plan = assembly.plan;
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
  async #install(settings: Settings, house: House): Promise<ReadonlyMap<string, Running>> {
    const features = new Map<string, Running>();
    for (const feature of FEATURES) {
      const section = settings[feature.section];
      if (section === undefined) continue;
      const digest = settingsDigest(section);
      const before = this.#features.get(feature.section);
      const running =
        before?.digest === digest
          ? before
          : { digest, installed: await feature.install(section as never, house) };
      features.set(feature.section, running);
    }
    return features;
  }

  #sinks(installed: readonly Installed[]): FactSink[] {
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
    if (this.#closing !== null || this.#listener !== null)
      throw new Error('this gateway listens already, or is closed');
    const { listen, limits, timeouts } = this.#settings;
    const tls = listen.tls === undefined ? null : { cert: listen.tls.cert, key: listen.tls.key.reveal() };
    const { host, port, path } = listen;
    const settings = { host, port, path: path ?? null, tls, connections: limits.connections };
    this.#listener = new Listener(settings, timeouts, this.#proxy);
    try {
      return { url: await this.#listener.open() };
    } catch (error) {
      this.#listener = null;
      throw error;
    }
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
    this.#applying = applied;
    return applied;
  }

  async #apply(settings: Settings): Promise<ConfigResult<Settings>> {
    if (this.#closing !== null) return refusedReload('', 'the gateway is closing');
    if (settingsDigest(settings.listen) !== settingsDigest(this.#settings.listen)) {
      return refusedReload('listen', 'listen changes only by a restart: nothing was reloaded');
    }
    const before = { upstreams: this.#upstreams, features: this.#features, assembly: this.#assembly };
    const upstreams = poolsDiffer(this.#settings, settings) ? this.#openUpstreams(settings) : this.#upstreams;
    try {
      this.#commit(await this.#build(settings, upstreams));
    } catch (error) {
      return refusedReload('', error instanceof Error ? error.message : String(error));
    }
    before.assembly.settler.close();
    if (before.upstreams !== this.#upstreams) this.#retired.add(() => before.upstreams.close());
    for (const [section, { installed }] of before.features) {
      if (this.#features.get(section)?.installed === installed) continue;
      this.#retired.add(async () => installed.close?.());
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
    const { lameDuckMs, drainMs } = { ...this.#settings.drain, ...times };
    if (this.#listener !== null) await this.#listener.drain({ lameDuckMs, drainMs });
    else if (this.#proxy !== undefined) await this.#awaitIdle(drainMs);
    await this.#applying;
    clearInterval(this.#ticks);
    this.#assembly?.settler.close();
    await this.#closeRetired();
    await Promise.all([...this.#features.values()].map(({ installed }) => installed.close?.()));
    await this.#upstreams.destroy();
    await this.#demo?.close();
    this.#log?.flush();
  }

  /** Without a listener of its own the gateway waits for the exchanges of its host's server. */
  async #awaitIdle(drainMs: number): Promise<void> {
    this.#proxy.draining = true;
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

function poolsDiffer(a: Settings, b: Settings): boolean {
  return a.limits.inflight !== b.limits.inflight || a.timeouts.connectMs !== b.timeouts.connectMs;
}
