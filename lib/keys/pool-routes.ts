import type { Clock } from '../base/index.ts';
import type { AdminAnswer, AdminRequest, AdminRoute, Metric } from '../pipeline/index.ts';
import type { KeyCondition, KeyHealth } from './key-health.ts';
import type { Pool, PoolMember } from './pool.ts';

const CONDITIONS: readonly KeyCondition[] = ['usable', 'cooling', 'quarantined', 'trial', 'disabled'];

/** A pool key as an operator sees it: never its value. */
function shown(provider: string, { key, health }: PoolMember, clock: Clock): object {
  const nowMs = clock.monotonicMs();
  const untilMs = health.untilMs(nowMs);
  return {
    provider,
    id: key.id,
    weight: key.weight,
    state: health.condition(nowMs),
    until: untilMs === null ? null : new Date(clock.wallMs() + untilMs - nowMs).toISOString(),
    requests: health.requests,
    lastUsed: health.lastUsedWallMs === null ? null : new Date(health.lastUsedWallMs).toISOString(),
    lastRefusal: health.lastRefusal,
  };
}

/** Calls that show the pool keys and switch single ones off and on. `pool` gives the one that serves now. */
export function poolRoutes(pool: () => Pool, clock: Clock): readonly AdminRoute[] {
  const act = (request: AdminRequest, change: (health: KeyHealth) => void): AdminAnswer => {
    const { provider = '', id = '' } = request.params;
    const found = pool()
      .keysOf(provider)
      .find(({ key }) => key.id === id);
    if (found === undefined) {
      const message = `there is no key ${id} of a provider ${provider}: weir provider key list shows them`;
      return { status: 404, body: { error: { code: 'not_found', message } } };
    }
    change(found.health);
    return { status: 200, body: shown(provider, found, clock) };
  };
  return [
    {
      method: 'GET',
      path: '/providers/keys',
      role: 'viewer',
      summary: 'the pool keys: condition, use, last refusal',
      run: () => ({ status: 200, body: { keys: listed(pool(), clock) } }),
    },
    {
      method: 'POST',
      path: '/providers/:provider/keys/:id/release',
      role: 'operator',
      summary: 'use a pool key again, whatever was held against it',
      run: request => act(request, health => health.release()),
    },
    {
      method: 'POST',
      path: '/providers/:provider/keys/:id/disable',
      role: 'operator',
      summary: 'use a pool key no more, until a release or a restart',
      run: request => act(request, health => health.disable()),
    },
  ];
}

function listed(pool: Pool, clock: Clock): readonly object[] {
  return [...pool.providers].flatMap(provider =>
    pool.keysOf(provider).map(member => shown(provider, member, clock)),
  );
}

/** How many keys of each provider are in each condition. */
export function poolMetrics(pool: () => Pool, clock: Clock): readonly Metric[] {
  return [
    {
      name: 'weir_pool_keys',
      type: 'gauge',
      help: 'Pool keys by provider and state.',
      labels: ['provider', 'state'],
      read: () => {
        const nowMs = clock.monotonicMs();
        return [...pool().providers].flatMap(provider => {
          const members = pool().keysOf(provider);
          return CONDITIONS.map(state => ({
            labels: { provider, state },
            value: members.filter(({ health }) => health.condition(nowMs) === state).length,
          }));
        });
      },
    },
  ];
}
