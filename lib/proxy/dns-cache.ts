import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from 'node:dns';
import type { Clock } from '../base/index.ts';

/** The operating system tells no TTL; this is short enough to follow a provider's fail-over. */
const TTL_MS = 30_000;
/** How long an old answer may serve while the resolver fails. */
const STALE_MS = 300_000;

type Answer = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;
type SystemLookup = (hostname: string, options: LookupAllOptions, answer: Answer) => void;

interface Entry {
  addresses: LookupAddress[];
  resolvedMs: number;
  waiting: Answer[] | null;
}

/**
 * A `lookup` for sockets with a cache in front: asynchronous, single flight,
 * stale-if-error. Holds one entry per configured origin, so it needs no bound.
 */
export class DnsCache {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #resolve: SystemLookup;

  constructor(clock: Clock, resolve: SystemLookup = systemLookup) {
    this.#clock = clock;
    this.#resolve = resolve;
  }

  /** The signature that `net.connect` and `tls.connect` expect of `lookup`. */
  lookup(
    hostname: string,
    options: { all?: boolean | undefined },
    callback: (
      error: NodeJS.ErrnoException | null,
      address: string | LookupAddress[],
      family?: number,
    ) => void,
  ): void {
    this.#find(hostname, (error, addresses) => {
      if (error !== null) callback(error, options.all ? [] : '');
      else if (options.all) callback(null, addresses);
      else callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  }

  #find(hostname: string, answer: Answer): void {
    let entry = this.#entries.get(hostname);
    const ageMs = entry === undefined ? Infinity : this.#clock.monotonicMs() - entry.resolvedMs;
    if (entry !== undefined && entry.waiting === null && ageMs < TTL_MS) {
      answer(null, entry.addresses);
      return;
    }
    if (entry?.waiting) {
      entry.waiting.push(answer);
      return;
    }
    entry ??= { addresses: [], resolvedMs: -Infinity, waiting: null };
    entry.waiting = [answer];
    this.#entries.set(hostname, entry);
    this.#refresh(hostname, entry);
  }

  #refresh(hostname: string, entry: Entry): void {
    this.#resolve(hostname, { all: true }, (error, addresses) => {
      const nowMs = this.#clock.monotonicMs();
      const failed = error !== null || addresses.length === 0;
      if (!failed) {
        entry.addresses = addresses;
        entry.resolvedMs = nowMs;
      }
      const usable = !failed || nowMs - entry.resolvedMs < STALE_MS;
      const waiting = entry.waiting!;
      entry.waiting = null;
      for (const answer of waiting) {
        if (usable) answer(null, entry.addresses);
        else answer(error ?? Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), []);
      }
    });
  }
}
