import type { Test } from 'tap';
import {
  type AuditEntry,
  type BadCredentials,
  type OpsHouse,
  OpsListener,
  type OpsSettings,
} from '../../lib/admin/index.ts';
import { Secret } from '../../lib/base/index.ts';
import type { AdminRequest, AdminRoute, Degradation } from '../../lib/pipeline/index.ts';
import { type Exchanged, exchange, type RequestParts } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';

export const KEYS = {
  viewer: 'viewer-CANARY-41f0a9c2',
  operator: 'operator-CANARY-77d1b3e8',
  admin: 'admin-CANARY-c05e6f14',
} as const;

export const ADMIN_KEYS: OpsSettings['adminKeys'] = [
  { key: new Secret(KEYS.viewer), role: 'viewer' },
  { key: new Secret(KEYS.operator), role: 'operator', id: 'night-shift' },
  { key: new Secret(KEYS.admin), role: 'admin' },
];

export function bearer(key: string): Fields {
  return [['Authorization', `Bearer ${key}`]];
}

/** Exact, and over when a test says so. */
export class CountedCredentials implements BadCredentials {
  readonly counts = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  spent(address: string): boolean {
    return (this.counts.get(address) ?? 0) >= this.#max;
  }

  charge(address: string): void {
    this.counts.set(address, (this.counts.get(address) ?? 0) + 1);
  }

  retryAfterSeconds(): number {
    return 42;
  }
}

export interface OpsLabOptions {
  readonly settings?: Partial<OpsSettings>;
  readonly routes?: readonly AdminRoute[];
  readonly house?: Partial<OpsHouse>;
  readonly badCredentialsMax?: number;
}

/** The ops listener on a free port of loopback, with everything it asked of its house. */
export class OpsLab {
  /** Audits and runs in the order in which they came: `audit POST /things`, `run POST /things`. */
  readonly events: string[] = [];
  readonly audits: AuditEntry[] = [];
  readonly requests: AdminRequest[] = [];
  readonly bugs: { readonly error: unknown; readonly requestId: string }[] = [];
  readonly badCredentials: CountedCredentials;
  readonly settings: OpsSettings;
  readonly listener: OpsListener;
  degraded: readonly Degradation[] = [];
  draining = false;
  port = 0;
  url = '';

  private constructor({ settings, routes = [], house, badCredentialsMax }: OpsLabOptions) {
    this.settings = {
      host: '127.0.0.1',
      port: 0,
      hosts: [],
      adminKeys: ADMIN_KEYS,
      metrics: 'open',
      ...settings,
    };
    this.badCredentials = new CountedCredentials(badCredentialsMax ?? 20);
    this.listener = new OpsListener({
      settings: this.settings,
      house: {
        routes: () => routes,
        degraded: () => this.degraded,
        draining: () => this.draining,
        metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
        audit: async entry => {
          this.events.push(`audit ${entry.method} ${entry.path}`);
          this.audits.push(entry);
          return 'recorded';
        },
        failed: async (entry, status) => {
          this.events.push(`failed ${entry.method} ${entry.path} ${status}`);
        },
        reportBug: (error, requestId) => this.bugs.push({ error, requestId }),
        version: '1.2.3',
        ...house,
      },
      badCredentials: this.badCredentials,
    });
  }

  static async start(t: Test, options: OpsLabOptions = {}): Promise<OpsLab> {
    const lab: OpsLab = new OpsLab({
      ...options,
      routes: (options.routes ?? []).map(route => ({
        ...route,
        run: request => {
          lab.events.push(`run ${route.method} ${route.path}`);
          lab.requests.push(request);
          return route.run(request);
        },
      })),
    });
    lab.url = await lab.listener.open();
    lab.port = Number(new URL(lab.url).port);
    t.teardown(() => lab.listener.close());
    return lab;
  }

  ask(parts: RequestParts): Promise<Exchanged> {
    return exchange(this.port, parts);
  }

  askAs(key: string, parts: RequestParts): Promise<Exchanged> {
    return this.ask({ ...parts, fields: [...bearer(key), ...(parts.fields ?? [])] });
  }
}

export function json(answer: Exchanged): unknown {
  return JSON.parse(answer.body.toString());
}

/** The code of an error answer. */
export function codeOf(answer: Exchanged): unknown {
  return (json(answer) as { error?: { code?: unknown } }).error?.code;
}

/** A route that answers with what it was given. */
export function echoRoute(route: Omit<AdminRoute, 'run' | 'summary'>): AdminRoute {
  return {
    ...route,
    summary: `${route.method} ${route.path}`,
    run: ({ params, query, body, admin }) => ({
      status: 200,
      body: { params, query: Object.fromEntries(query), body, admin },
    }),
  };
}
