import { JetStreamApiCodes, JetStreamApiError, jetstream } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { createBucket, managerOf, readState } from './bucket-state.ts';
import {
  BusError,
  type KvBucket,
  type KvCursor,
  type KvEntry,
  type KvFollowing,
  type KvSink,
} from './bus.ts';
import { explainFault, isOpenEnded } from './explain-fault.ts';
import { bounded } from './kv-delivery.ts';
import { KvFollower } from './kv-follower.ts';
import type { NatsLink } from './nats-link.ts';
import type { BusOptions } from './open-bus.ts';
import { withTimeLimit } from './wait.ts';

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const KEY = /^(?!\.)(?!.*\.\.)[-/=.\w]{1,1024}(?<!\.)$/;
const OPERATION_MS = 5000;

/** JetStream's code for "this is not the last revision": somebody else wrote. */
const OUTRUN: ReadonlySet<number> = new Set([
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
]);

/** A bucket on a link. */
export class NatsBucket implements KvBucket {
  readonly #name: string;
  readonly #link: NatsLink;
  readonly #options: BusOptions;
  readonly #followers = new Set<KvFollower>();
  /** It was there once: gone, it is not made again. */
  #wasSeen = false;

  constructor(name: string, link: NatsLink, options: BusOptions) {
    if (!NAME.test(name)) throw new TypeError(`"${name}" is no name for a bucket`);
    this.#name = name;
    this.#link = link;
    this.#options = options;
  }

  follow(cursor: KvCursor | null, sink: KvSink): KvFollowing {
    if (cursor !== null) this.#wasSeen = true;
    const { clock, warn } = this.#options;
    const follower = new KvFollower(
      {
        bucket: this.#name,
        link: this.#link,
        sink,
        clock,
        warn,
        prepare: () => this.#prepare(),
        seen: () => {
          this.#wasSeen = true;
        },
        explain: error => explainFault(error, this.#name),
      },
      cursor,
    );
    this.#followers.add(follower);
    return {
      close: () => {
        this.#followers.delete(follower);
        return follower.close();
      },
    };
  }

  put(key: string, value: Uint8Array): Promise<number> {
    return this.#operate(key, kv => kv.put(key, value));
  }

  create(key: string, value: Uint8Array): Promise<number | null> {
    return this.#operate(key, async kv => {
      try {
        return await kv.create(key, value);
      } catch (error) {
        if (error instanceof JetStreamApiError && OUTRUN.has(error.code)) return null;
        throw error;
      }
    });
  }

  get(key: string): Promise<KvEntry | null> {
    return this.#operate(key, async kv => {
      const entry = await kv.get(key);
      if (entry === null || entry.operation !== 'PUT') return null;
      return { key, value: bounded(entry.value), revision: entry.revision };
    });
  }

  delete(key: string): Promise<void> {
    return this.#operate(key, kv => kv.delete(key));
  }

  /** Ends all following. */
  async close(): Promise<void> {
    await Promise.all([...this.#followers].map(follower => follower.close()));
    this.#followers.clear();
  }

  async #operate<T>(key: string, run: (kv: KV) => Promise<T>): Promise<T> {
    if (!KEY.test(key)) throw new BusError(`"${key}" cannot be a key of a bucket`);
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + OPERATION_MS;
    const connection = await withTimeLimit(this.#link.connected(), OPERATION_MS, () => null);
    if (connection === null)
      throw new BusError(`NATS is not connected (${this.#link.reason}); nothing was done`);
    const leftMs = Math.max(1, deadlineMs - clock.monotonicMs());
    const late = (): never => {
      throw new BusError('NATS did not answer in time; it may still be done');
    };
    return withTimeLimit(this.#onConnection(connection, leftMs, run), leftMs, late);
  }

  async #onConnection<T>(
    connection: NatsConnection,
    limitMs: number,
    run: (kv: KV) => Promise<T>,
  ): Promise<T> {
    if (!this.#wasSeen) await this.#ensure(connection, limitMs);
    try {
      const client = jetstream(connection, { timeout: limitMs, checkAPI: false });
      return await run(await new Kvm(client).open(this.#name));
    } catch (error) {
      const doubt = isOpenEnded(error) ? '; it may still be done' : '';
      throw new BusError(`${explainFault(error, this.#name)}${doubt}`, { cause: error });
    }
  }

  async #prepare(): Promise<void> {
    const { connection } = this.#link;
    if (connection !== null) await this.#ensure(connection, OPERATION_MS);
  }

  /** @throws {BusError} where there is none and none is made. */
  async #ensure(connection: NatsConnection, limitMs: number): Promise<void> {
    const mayMake = !this.#wasSeen;
    try {
      const manager = await managerOf(connection, limitMs);
      const state = await readState(manager, this.#name);
      if (state === null && mayMake) await createBucket(connection, this.#name, limitMs);
      if (state !== null || mayMake) {
        this.#wasSeen = true;
        return;
      }
    } catch (error) {
      throw new BusError(explainFault(error, this.#name), { cause: error });
    }
    throw new BusError(`the bucket ${this.#name} is gone; make it again if that was meant`);
  }
}
