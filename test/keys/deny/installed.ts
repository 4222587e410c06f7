import type { Test } from 'tap';
import { denyFeatureWith } from '../../../lib/keys/deny/deny-feature.ts';
import type { DenySettings } from '../../../lib/keys/deny/settings.ts';
import type { AdminAnswer, Installed, Principal } from '../../../lib/pipeline/index.ts';
import { exchangeOf, TestHouse } from './house.ts';
import type { ScriptedBus } from './scripted-bus.ts';

/** A feature that was installed, as the gateway and its operators see it. */
export class Running {
  readonly house: TestHouse;
  readonly installed: Installed;

  constructor(house: TestHouse, installed: Installed) {
    this.house = house;
    this.installed = installed;
  }

  /** The code of the refusal, or null. */
  code(who: Principal): string | null {
    const result = this.installed.stages![0]!.run(exchangeOf(who));
    if (result instanceof Promise) throw new Error('this stage waits for nothing');
    return result?.code ?? null;
  }

  async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<AdminAnswer> {
    const url = new URL(path, 'http://ops');
    const segments = url.pathname.split('/').map(decodeURIComponent);
    for (const route of this.installed.routes!) {
      const parts = route.path.split('/');
      if (route.method !== method || parts.length !== segments.length) continue;
      if (!parts.every((part, i) => part.startsWith(':') || part === segments[i])) continue;
      const named = parts.flatMap((part, i) => (part.startsWith(':') ? [[part.slice(1), segments[i]!]] : []));
      const params = Object.fromEntries(named) as Record<string, string>;
      const caller = { admin: 'test', role: 'admin', method, path, requestId: 'test' } as const;
      return route.run({ params, query: url.searchParams, body, ...caller });
    }
    throw new Error(`no route for ${method} ${path}`);
  }

  /** The code of an error that a call gave. */
  async errorOf(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<string> {
    const answer = await this.call(method, path, body);
    const { error } = answer.body as { error?: { code: string; message: string } };
    return `${answer.status} ${error?.code}`;
  }

  async ids(query = ''): Promise<string[]> {
    const { body } = await this.call('GET', `/deny?limit=1000${query}`);
    const { entries } = body as { entries: { kind: string; id: string; source: string }[] };
    return entries.map(({ kind, id, source }) => `${kind} ${id} ${source}`);
  }

  degraded(): string[] {
    return this.installed.degraded!().map(({ code, refuses }) => (refuses ? `${code}!` : code));
  }

  metric(name: string, source = ''): number | null {
    const metric = this.installed.metrics!.find(metric => metric.name === name);
    const sample = metric?.read().find(({ labels }) => (labels.source ?? '') === source);
    return sample?.value ?? null;
  }

  close(): Promise<void> {
    return this.installed.close!();
  }
}

/**
 * @param before what a reload replaces; it is left open.
 * @param nowMs what the clock says at the start.
 */
export async function install(
  t: Test,
  bus: ScriptedBus,
  settings: DenySettings,
  before: Running | null = null,
  nowMs: number | null = null,
): Promise<Running> {
  const house = before?.house ?? new TestHouse();
  house.clock.nowMs = nowMs ?? house.clock.nowMs;
  const feature = denyFeatureWith(bus.connect);
  const running = new Running(house, await feature.install(settings, house, before?.installed ?? null));
  t.teardown(() => running.close());
  return running;
}
