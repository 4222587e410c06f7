import type { Clock } from '../base/index.ts';
import { Refusal } from '../errors/index.ts';
import type {
  Exchange,
  KeyPool,
  KeyVerdict,
  Lease,
  Operation,
  PoolKey,
  Provider,
  Warning,
} from '../pipeline/index.ts';
import { type KeyCondition, KeyHealth } from './key-health.ts';
import { isRateLimit, retryAfterMs, statesReason } from './key-verdict.ts';

/**
 * Calls by explicit grant only. A provider may answer them with 401 although
 * the key is good (they want a key of another kind), so they blame none.
 */
const BLAMELESS: ReadonlySet<Operation> = new Set(['files', 'batches', 'realtime', 'other']);

/** Conditions in which a key may be sent. */
const READY: ReadonlySet<KeyCondition> = new Set(['usable', 'trial']);

/** A pool key at its place in the round robin. */
export interface PoolMember {
  readonly key: PoolKey;
  /** Outlives reloads. */
  readonly health: KeyHealth;
  /** Of the smooth weighted round robin. */
  current: number;
}

export interface PoolOptions {
  readonly clock: Clock;
  readonly providers: Iterable<Provider>;
  /** Ids that live at one key of a provider, or null where nothing remembers them. */
  readonly boundKey: ((exchange: Exchange) => string | null) | null;
  warn(warning: Warning): void;
}

/**
 * The pool keys of all providers. Each managed request gets one by smooth
 * weighted round robin, so that heavy keys do not come in bursts; a key that
 * the provider refuses rests, and one that it limits cools (CONTRACT §2).
 */
export class Pool implements KeyPool {
  readonly #options: PoolOptions;
  readonly #byProvider = new Map<string, readonly PoolMember[]>();

  /** @param before the pool that a reload replaces: a key that stays keeps its state. */
  constructor(options: PoolOptions, before: Pool | null) {
    this.#options = options;
    for (const { name, keys } of options.providers) {
      if (keys.length === 0) continue;
      const old = before?.keysOf(name) ?? [];
      this.#byProvider.set(
        name,
        keys.map(key => member(old, key)),
      );
    }
  }

  /** A reload replaced this pool: what still runs on it chooses no key that is gone. */
  retire(after: Pool): void {
    for (const [provider, members] of this.#byProvider) {
      const kept = new Set(after.keysOf(provider).map(({ health }) => health));
      for (const { health } of members) if (!kept.has(health)) health.disable();
    }
  }

  get providers(): Iterable<string> {
    return this.#byProvider.keys();
  }

  keysOf(provider: string): readonly PoolMember[] {
    return this.#byProvider.get(provider) ?? [];
  }

  next(exchange: Exchange): Refusal | undefined {
    const provider = exchange.provider!;
    const members = this.#byProvider.get(provider.name);
    if (members === undefined)
      return provider.scheme.name === 'none' ? undefined : new Refusal('no_upstream_key');
    const nowMs = this.#options.clock.monotonicMs();
    const candidates = this.#candidates(exchange, members);
    const mayTry = exchange.isRepeatable && !BLAMELESS.has(exchange.endpoint!.operation);
    const chosen =
      choose(candidates, exchange.poolKey, nowMs, mayTry) ??
      choose(candidates, exchange.poolKey, nowMs, true);
    if (chosen === null) return noneLeft(candidates, nowMs);
    const { health } = chosen;
    if (health.beginTrial(nowMs)) exchange.take(new Trial(health));
    health.requests++;
    health.lastUsedWallMs = this.#options.clock.wallMs();
    exchange.poolKey = chosen.key;
    return undefined;
  }

  lacks(exchange: Exchange): Refusal | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    const members = this.#candidates(exchange, this.keysOf(exchange.provider!.name));
    const isThere = members.some(({ health }) => READY.has(health.condition(nowMs)));
    return isThere ? undefined : noneLeft(members, nowMs);
  }

  /** What an earlier call stored under one key is to be had with that key alone. */
  #candidates(exchange: Exchange, members: readonly PoolMember[]): readonly PoolMember[] {
    const bound = members.length < 2 ? null : (this.#options.boundKey?.(exchange) ?? null);
    if (bound === null) return members;
    const only = members.filter(({ key }) => key.id === bound);
    return only.length === 0 ? members : only;
  }

  suspects(exchange: Exchange, status: number): boolean {
    if (status < 400 || exchange.poolKey === null) return false;
    return isRateLimit(status) || exchange.provider!.keyRefusals.some(refusal => refusal.status === status);
  }

  judge(exchange: Exchange, status: number, retryAfter: string | null, error: Buffer | null): KeyVerdict {
    const health = this.#healthOf(exchange);
    if (health === null) return 'fine';
    const trial = exchange.leases?.some(lease => lease instanceof Trial && lease.health === health) === true;
    if (status < 400) {
      if (trial) health.clear();
      return 'fine';
    }
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#isRefusal(exchange, status, error)) {
      if (BLAMELESS.has(exchange.endpoint!.operation)) return 'unsuited';
      health.refuse(status, nowMs, trial);
      this.#tell(exchange, 'pool_key_quarantined', `was refused with ${status} and rests`);
      return 'refused';
    }
    if (!isRateLimit(status)) return 'fine';
    const restMs = retryAfterMs(retryAfter, this.#options.clock.wallMs());
    health.cool(status, nowMs + restMs);
    this.#tell(exchange, 'pool_key_cooling', `is limited by the provider for ${Math.ceil(restMs / 1000)} s`);
    return 'limited';
  }

  #isRefusal(exchange: Exchange, status: number, error: Buffer | null): boolean {
    if (isRateLimit(status) && error !== null && statesReason(error, 'insufficient_quota')) return true;
    return exchange.provider!.keyRefusals.some(
      refusal =>
        refusal.status === status &&
        (refusal.reason === null || (error !== null && statesReason(error, refusal.reason))),
    );
  }

  /** Null where the key is no longer part of the pool. */
  #healthOf({ provider, poolKey }: Exchange): KeyHealth | null {
    if (poolKey === null) return null;
    return this.keysOf(provider!.name).find(({ key }) => key === poolKey)?.health ?? null;
  }

  #tell(exchange: Exchange, code: string, what: string): void {
    const { provider, poolKey } = exchange;
    this.#options.warn({ code, message: `key ${poolKey!.id} of ${provider!.name} ${what}` });
  }
}

/** A trial under way: whatever becomes of its exchange, the next one is possible afterwards. */
class Trial implements Lease {
  readonly health: KeyHealth;

  constructor(health: KeyHealth) {
    this.health = health;
  }

  end(): void {
    this.health.endTrial();
  }
}

/** A key with the same id and the same secret is the same key: it keeps its health. */
function member(old: readonly PoolMember[], key: PoolKey): PoolMember {
  const same = old.find(other => other.key.id === key.id);
  const isKept = same !== undefined && same.key.secret.reveal() === key.secret.reveal();
  return { key, health: isKept ? same.health : new KeyHealth(), current: 0 };
}

/** A key whose rest is over goes first where the request may be a trial: if it fails, the next key is tried. */
function choose(
  members: readonly PoolMember[],
  tried: PoolKey | null,
  nowMs: number,
  mayTry: boolean,
): PoolMember | null {
  let best: PoolMember | null = null;
  let total = 0;
  for (const member of members) {
    if (member.key === tried) continue;
    const condition = member.health.condition(nowMs);
    if (condition === 'trial' && mayTry) return member;
    if (condition !== 'usable') continue;
    member.current += member.key.weight;
    total += member.key.weight;
    if (best === null || member.current > best.current) best = member;
  }
  if (best !== null) best.current -= total;
  return best;
}

/** Some only cooling: time helps, and the soonest of them says how much. */
function noneLeft(members: readonly PoolMember[], nowMs: number): Refusal {
  const cooling = members.filter(({ health }) => health.condition(nowMs) === 'cooling');
  if (cooling.length === 0) return new Refusal('upstream_credentials_exhausted');
  const soonestMs = Math.min(...cooling.map(({ health }) => health.untilMs(nowMs)!)) - nowMs;
  return new Refusal('upstream_rate_limited', null, Math.max(1, Math.ceil(soonestMs / 1000)));
}
