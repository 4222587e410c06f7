import type { OpsListener, OpsSettings } from '../admin/index.ts';
import { BadCredentialBudget, type Clock, type IdSource } from '../base/index.ts';
import { issuerRoutes, type Pool, poolMetrics, poolRoutes } from '../keys/index.ts';
import type { Metrics } from '../observe/index.ts';
import type { AdminRoute, Fact, Installed, Metric } from '../pipeline/index.ts';
import type { ProviderPrices } from '../providers/index.ts';
import type { RequestHandler } from '../proxy/index.ts';
import { AdminRecord } from './admin-record.ts';
import { priceRoutes } from './price-view.ts';
import type { Settings } from './settings.ts';

/** What the ops listener sees of the gateway. Everything is asked for anew, since a reload replaces it. */
export interface OpsView {
  readonly clock: Clock;
  readonly ids: IdSource;
  settings(): Settings;
  installed(): readonly Installed[];
  pool(): Pool;
  prices(): ReadonlyMap<string, ProviderPrices>;
  proxy(): RequestHandler;
  record(fact: Fact, recorded: (isRecorded: boolean) => void): boolean;
  reportBug(error: unknown, requestId: string): void;
}

/** The ops listener with what stands behind it: routes, metrics, readiness, records. */
export class Ops {
  readonly metrics: Metrics | null;
  readonly #view: OpsView;
  readonly #listener: OpsListener;

  private constructor(view: OpsView, metrics: Metrics | null, listener: OpsListener) {
    this.#view = view;
    this.metrics = metrics;
    this.#listener = listener;
  }

  /** Loads what the section needs; listens only once it is told to. */
  static async create(settings: OpsSettings, view: OpsView, version: string): Promise<Ops> {
    const [{ OpsListener, BAD_CREDENTIALS_PER_MINUTE }, { Metrics }] = await Promise.all([
      import('../admin/index.ts'),
      import('../observe/index.ts'),
    ]);
    const metrics =
      settings.metrics === 'off' ? null : await Metrics.open(error => view.reportBug(error, 'metrics'));
    metrics?.add(() => allMetrics(view));
    const routes = new RoutesOf(view);
    const record = new AdminRecord(view);
    const listener = new OpsListener({
      settings,
      house: {
        version,
        routes: () => routes.current(),
        degraded: () => view.installed().flatMap(installed => installed.degraded?.() ?? []),
        draining: () => view.proxy().draining,
        metrics: () => metrics?.read() ?? null,
        audit: (entry, { audits }) => record.audit(entry, audits === true),
        failed: (entry, status) => record.failed(entry, status),
        reportBug: (error, requestId) => view.reportBug(error, requestId),
      },
      badCredentials: new BadCredentialBudget(BAD_CREDENTIALS_PER_MINUTE, view.clock),
    });
    return new Ops(view, metrics, listener);
  }

  /** Resolves with the URL; rejects with the system's error. */
  open(): Promise<string> {
    return this.#listener.open();
  }

  /** Takes over the admin keys of reloaded settings. */
  update(): void {
    this.#listener.update(this.#view.settings().ops!);
  }

  async close(): Promise<void> {
    await this.#listener.close();
    this.metrics?.close();
  }
}

/** The routes of what is installed; the same array as long as that is the same. */
class RoutesOf {
  readonly #view: OpsView;
  readonly #own: readonly AdminRoute[];
  #installed: readonly Installed[] | null = null;
  #routes: readonly AdminRoute[] = [];

  constructor(view: OpsView) {
    this.#view = view;
    this.#own = [
      ...poolRoutes(() => view.pool(), view.clock),
      ...issuerRoutes(() => view.settings().auth, view.clock),
      ...priceRoutes(() => view.prices()),
    ];
  }

  current(): readonly AdminRoute[] {
    const installed = this.#view.installed();
    if (installed !== this.#installed) {
      this.#installed = installed;
      this.#routes = [...this.#own, ...installed.flatMap(({ routes }) => routes ?? [])];
    }
    return this.#routes;
  }
}

function allMetrics(view: OpsView): readonly Metric[] {
  return [
    {
      name: 'weir_requests_in_flight',
      type: 'gauge',
      help: 'Requests being served now.',
      labels: [],
      read: () => [{ labels: {}, value: view.proxy().live.size }],
    },
    {
      name: 'weir_active_streams',
      type: 'gauge',
      help: 'Streams being relayed now.',
      labels: [],
      read: () => [
        { labels: {}, value: [...view.proxy().live].filter(({ exchange }) => exchange.streamed).length },
      ],
    },
    ...view.proxy().drains.metrics,
    ...poolMetrics(() => view.pool(), view.clock),
    ...view.installed().flatMap(installed => installed.metrics ?? []),
  ];
}
