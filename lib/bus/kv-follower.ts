import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../base/index.ts';
import type { KvCursor, KvFollowing, KvSink } from './bus.ts';
import { KeyTally } from './key-tally.ts';
import { KvPlace } from './kv-place.ts';
import { KvSession, type SessionEnd } from './kv-session.ts';
import type { NatsLink } from './nats-link.ts';
import { pause, unlessStopped } from './wait.ts';

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;
/** A server that starts refuses for a moment. Only what lasts longer is worth a word. */
const PATIENCE_MS = 4000;

const TROUBLE: Readonly<Record<SessionEnd, string | null>> = {
  stopped: null,
  missing: 'there is none',
  lost: 'what it delivers breaks off',
  doubt: 'it changes under our hands',
};

export interface FollowerOptions {
  readonly bucket: string;
  readonly link: NatsLink;
  readonly sink: KvSink;
  readonly clock: Clock;
  /** Makes the bucket where that may be; rejects where there is still none. */
  prepare(): Promise<void>;
  /** The bucket is there. */
  seen(): void;
  /** Any error in words for operators. */
  explain(error: unknown): string;
  warn(warning: { readonly code: string; readonly message: string }): void;
}

/** Follows a bucket through outages: one session after the other, each from where the last one ended. */
export class KvFollower implements KvFollowing {
  readonly #options: FollowerOptions;
  readonly #sink: KvSink;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #place: KvPlace | null;
  #failingMs: number | null = null;
  /** In a row. */
  #failures = 0;
  #isTold = false;

  constructor(options: FollowerOptions, cursor: KvCursor | null) {
    this.#options = options;
    this.#sink = this.#guarded(options.sink);
    this.#place = cursor === null ? null : KvPlace.from(cursor, new KeyTally(0));
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { bucket, link, clock } = this.#options;
    const { signal } = this.#stop;
    let before: NatsConnection | null = null;
    for (;;) {
      const connection = await unlessStopped(link.connected(), signal);
      if (connection === null) return;
      if (connection !== before && !this.#isTold) this.#failingMs = null;
      before = connection;
      const session = new KvSession({ connection, bucket, clock, signal, sink: this.#sink }, this.#place);
      const forget = link.whenLost(() => session.lost());
      const trouble = await this.#follow(session);
      forget();
      if (trouble !== null && link.connection === connection) await this.#fail(trouble);
    }
  }

  /** One session to its end. Gives why it ended, for operators, or null where all is well. */
  async #follow(session: KvSession): Promise<string | null> {
    try {
      const end = await session.run();
      // A bucket that is gone leaves what we know of it: its keys stay until another is read.
      this.#place = end === 'doubt' ? null : session.place;
      if (end === 'missing') await unlessStopped(this.#options.prepare(), this.#stop.signal);
      return TROUBLE[end];
    } catch (error) {
      this.#place = session.place;
      return this.#options.explain(error);
    }
  }

  /** Tells once that it fails, if it goes on, and waits for the next try. */
  async #fail(message: string): Promise<void> {
    const { bucket, clock, warn } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#failingMs ??= nowMs;
    if (!this.#isTold && nowMs - this.#failingMs >= PATIENCE_MS) {
      this.#isTold = true;
      const text = `The bucket ${bucket} cannot be followed: ${message}. Trying on; the last known state stays.`;
      warn({ code: 'bus_bucket_failing', message: text });
    }
    await pause(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++), this.#stop.signal);
  }

  #recovered(): void {
    this.#failingMs = null;
    this.#failures = 0;
    if (!this.#isTold) return;
    this.#isTold = false;
    const { bucket, warn } = this.#options;
    warn({ code: 'bus_bucket_recovered', message: `The bucket ${bucket} is followed again.` });
  }

  /** What a sink throws is its own mistake; it must not end the connection for all others. */
  #guarded(sink: KvSink): KvSink {
    const { bucket, warn } = this.#options;
    const guard = (call: () => void): void => {
      if (this.#stop.signal.aborted) return;
      try {
        call();
      } catch (error) {
        warn({
          code: 'internal',
          message: `a sink of the bucket ${bucket} threw: ${(error as Error).message}`,
        });
      }
    };
    return {
      replace: (entries, cursor) => {
        this.#options.seen();
        guard(() => sink.replace(entries, cursor));
      },
      apply: (entry, cursor) => guard(() => sink.apply(entry, cursor)),
      current: () => {
        this.#recovered();
        guard(() => sink.current());
      },
    };
  }
}
