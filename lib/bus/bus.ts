/** Longer values are not taken over: what the rooms keep in buckets is far shorter. */
export const KV_VALUE_BYTES_MAX = 8192;

/** Stands for every value that is longer: all a reader may know of it is that. */
export const OVERSIZED: Uint8Array = new Uint8Array(KV_VALUE_BYTES_MAX + 1);

/** One write to a bucket. */
export interface KvEntry {
  readonly key: string;
  /** Null where the key was deleted or purged, `OVERSIZED` where it is too long to be taken over. May be a view into a larger buffer: copy what is to be kept. */
  readonly value: Uint8Array | null;
  /** Position of the write in the bucket, from 1. */
  readonly revision: number;
}

/** How far a bucket was read. It resumes only in the very bucket it is from. */
export interface KvCursor {
  /** When that bucket was created, as the server says it: a bucket that was created anew differs. */
  readonly created: string;
  /** The last write that was seen, 0 in an empty bucket. */
  readonly revision: number;
  /**
   * What the bus needs to prove that nothing was lost since; its own words,
   * at most 64 characters. Keep it with the rest: without it the bucket is read
   * whole again, which is never wrong, only slower.
   */
  readonly mark?: string;
}

/** Takes what a bucket holds, in order. Called synchronously; must not throw. */
export interface KvSink {
  /**
   * The whole content, which replaces all that came before: at the first read,
   * and whenever a gap cannot be excluded (the bucket was created anew, rewound,
   * or purged past the cursor). Keys without a value are not in it. The map does
   * not change any more and may be read after the call too; let it go once it is
   * read, for it may hold far more memory than what is taken from it.
   */
  replace(entries: ReadonlyMap<string, KvEntry>, cursor: KvCursor): void;
  /** One write after the last one seen. */
  apply(entry: KvEntry, cursor: KvCursor): void;
  /** All that the bucket held at this moment has been handed over, and the connection lives. Comes again at least every few seconds while that holds. */
  current(): void;
}

/** A bucket that is being followed until `close`. Outages are waited out. */
export interface KvFollowing {
  /** The sink is not called again from this moment on. */
  close(): Promise<void>;
}

/**
 * A JetStream KV bucket. Operations reject with a `BusError` when they could
 * not be done within 5 s; its message says whether a write may still happen.
 */
export interface KvBucket {
  /** @param cursor where an earlier following ended, or null to read everything. Returns at once. */
  follow(cursor: KvCursor | null, sink: KvSink): KvFollowing;
  /** Resolves with the revision of the write. */
  put(key: string, value: Uint8Array): Promise<number>;
  /** Writes only where the key has no value; null where it has one. */
  create(key: string, value: Uint8Array): Promise<number | null>;
  /** Null where the key has no value. */
  get(key: string): Promise<KvEntry | null>;
  /** Leaves a mark that others see as a write without a value. */
  delete(key: string): Promise<void>;
}

/** A connection to a message bus. Connecting goes on in the background for as long as it takes. */
export interface Bus {
  /** Whether it is connected right now. */
  readonly connected: boolean;
  /**
   * A bucket by name; created with one value per key where the server has none
   * and we may. One that was there and is gone is not created again: that would
   * make its loss look like a content. Returns at once.
   *
   * @throws {TypeError} for a name that no bucket can have.
   */
  bucket(name: string): KvBucket;
  /** Dropped silently while not connected. */
  publish(subject: string, payload: Uint8Array): void;
  /** Lives through reconnects. Messages of our own are not delivered to us. */
  subscribe(subject: string, receive: (payload: Uint8Array) => void): { close(): void };
  /** Ends within a second, connected or not. Nothing is delivered afterwards. */
  close(): Promise<void>;
}

/** The bus could not do it: not connected, no permission, too slow. The message is for operators. */
export class BusError extends Error {
  override readonly name = 'BusError';
}
