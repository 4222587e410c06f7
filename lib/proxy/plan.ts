import type { AdmitStage, Exchange, KeyPool, OpenTap, Provider, Stage } from '../pipeline/index.ts';
import type { AddressSet } from '../wire/index.ts';
import type { BodyRoom } from './body-room.ts';
import type { ClientAddresses } from './client-addresses.ts';
import type { Upstreams } from './upstreams.ts';

/** Milliseconds each; CONTRACT §8 has the defaults. */
export interface Timeouts {
  /** TCP and TLS to the provider. */
  readonly connectMs: number;
  /** From dispatch to the provider's response head. */
  readonly firstByteMs: number;
  /** Between two reads of a response body; also how long a client may refuse to read. */
  readonly idleMs: number;
  /** The whole exchange. */
  readonly totalMs: number;
  /** The client's request head. */
  readonly headersMs: number;
  /** Between two reads of an upload. */
  readonly bodyIdleMs: number;
}

export interface BarePath {
  /** Path prefix as raw segments without slashes: `['v1', 'messages']`. */
  readonly segments: readonly string[];
  readonly provider: Provider;
}

/** Who may call from a web page, and by which host names (CONTRACT §1, `cross_site`). */
export interface Site {
  readonly corsOrigins: ReadonlySet<string>;
  /** Lower case, without port. */
  readonly hosts: ReadonlySet<string>;
}

/**
 * The compiled config the proxy runs on. Built whole, swapped by one reference;
 * an exchange keeps the plan it began with.
 */
export interface Plan {
  readonly providers: ReadonlyMap<string, Provider>;
  /** Longest first. */
  readonly bare: readonly BarePath[];
  readonly addresses: ClientAddresses;
  /** Something reads `exchange.address`. */
  readonly readsAddress: boolean;
  /** Where requests may come from; null is anywhere. */
  readonly allow: AddressSet | null;
  readonly connectionsPerAddress: number;
  /** Stages that run before the provider is looked up. */
  readonly admit: readonly AdmitStage[];
  /** Stages that run before the body is read, and after. */
  readonly early: readonly Stage[];
  readonly late: readonly Stage[];
  readonly bodyBytesMax: number;
  /** Where bodies are that must be read whole. */
  readonly bodyRoom: BodyRoom;
  readonly inflightMax: number;
  /** Something reads `exchange.maxOutputTokens`. */
  readonly readsOutputLimit: boolean;
  /** Something reads `exchange.requestText`. */
  readonly metersText: boolean;
  /** Limit headers of ours for an answer; null where config does not ask for them. */
  readonly limitHeaders: ((exchange: Exchange) => readonly string[]) | null;
  readonly pool: KeyPool;
  readonly timeouts: Timeouts;
  readonly site: Site;
  /** Whether a request to this provider needs no credential of ours. */
  readonly isOpen: (provider: Provider) => boolean;
  /** Connection pools: kept over a reload that does not change them. */
  readonly upstreams: Upstreams;
  readonly openTap: OpenTap;
  /**
   * Builds the fact and hands it to the sinks. `recorded` is given where the
   * end of message waits for the fact; true means it will be called.
   */
  readonly settle: (exchange: Exchange, recorded: (() => void) | null) => boolean;
  /** Told of a managed exchange that goes upstream for the first time; null where nobody wants to know. */
  readonly opened: ((exchange: Exchange) => void) | null;
  /** A sink holds the end of message until it has the fact. */
  readonly holdsEnd: boolean;
  /** Null while requests may be served; otherwise why not (`usage.onFull: refuse`). */
  readonly blockedBy: () => 'journal_unavailable' | null;
}
