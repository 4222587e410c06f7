import type { AdminRoute } from '../pipeline/index.ts';
import { jsonAnswer, type OpsAnswer, textAnswer } from './ops-answer.ts';
import type { OpsHouse } from './ops-house.ts';
import type { OpsSettings } from './settings.ts';

/** Paths that the listener answers itself, for GET and HEAD. */
export const OWN_PAGES: ReadonlyMap<string, string> = new Map([
  ['/', 'this page'],
  ['/livez', '200 while the process lives'],
  ['/readyz', '200 ready or degraded, 503 draining or refusing; with reasons'],
  ['/metrics', 'Prometheus text'],
]);

/** How to switch admin calls on. */
export const ADMIN_REMEDY = 'ops: { adminKeys: [{ key: env:WEIR_ADMIN_KEY, role: admin }] }';

export function livePage(): OpsAnswer {
  return jsonAnswer(200, { status: 'alive' });
}

/** 503 tells a load balancer to send elsewhere; merely degraded is 200, for it still serves. */
export function readyPage(house: OpsHouse): OpsAnswer {
  const degraded = house.degraded();
  const reasons = degraded.map(({ code, message }) => ({ code, message }));
  if (house.draining()) {
    const draining = { code: 'draining', message: 'The gateway is shutting down.' };
    return jsonAnswer(503, { status: 'draining', reasons: [draining, ...reasons] });
  }
  if (degraded.some(({ refuses }) => refuses)) return jsonAnswer(503, { status: 'refusing', reasons });
  return jsonAnswer(200, { status: reasons.length === 0 ? 'ready' : 'degraded', reasons });
}

/** Everything there is, for whoever opens the address. */
export function homePage(
  version: string,
  metrics: OpsSettings['metrics'],
  routes: readonly AdminRoute[],
  isAdminOpen: boolean,
): OpsAnswer {
  const own = [...OWN_PAGES].map(([path, summary]) => [
    'GET',
    path,
    path === '/metrics' ? metrics : 'open',
    summary,
  ]);
  const admin = routes.map(({ method, path, role, summary }) => [method, path, role, summary]);
  const remedy = isAdminOpen
    ? 'Calls with a role need an admin key: Authorization: Bearer <key>, or x-api-key.'
    : `Calls with a role are off. The config switches them on:\n  ${ADMIN_REMEDY}`;
  return textAnswer(`Weir ${version}, operations.\n\n${columns([...own, ...admin])}\n\n${remedy}\n`);
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => row[column]!.length)));
  return rows
    .map(row => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}
