import {
  type Bus,
  BusError,
  type KvBucket,
  type KvCursor,
  type KvEntry,
  type KvFollowing,
  type KvSink,
} from '../../../lib/bus/index.ts';

interface Follower {
  readonly sink: KvSink;
  cursor: KvCursor | null;
}

/** A bucket in memory that delivers when it is told to, and can lose everything. */
export class ScriptedBucket implements KvBucket {
  created = 'first';
  revision = 0;
  isDown = false;
  content = new Map<string, KvEntry>();
  readonly followers = new Set<Follower>();
  #writes: KvEntry[] = [];

  /** A write by somebody else. */
  write(key: string, value: Uint8Array | string | null): number {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    const entry = { key, value: bytes, revision: ++this.revision };
    this.#writes.push(entry);
    if (bytes === null) this.content.delete(key);
    else this.content.set(key, entry);
    return this.revision;
  }

  /** Everything is lost, and a bucket of the same name begins anew. */
  recreate(): void {
    this.created += ' anew';
    this.revision = 0;
    this.content = new Map();
    this.#writes = [];
  }

  /** What was written before is known by its outcome only: whoever is behind must read all. */
  compact(): void {
    this.#writes = [];
  }

  /** Brings everybody who follows up to date, as far as it is up. */
  sync(): void {
    if (this.isDown) return;
    for (const follower of this.followers) {
      this.#deliver(follower);
      follower.sink.current();
    }
  }

  #deliver(follower: Follower): void {
    const { cursor, sink } = follower;
    const missing = this.#writes.filter(({ revision }) => cursor !== null && revision > cursor.revision);
    const isWhole =
      cursor !== null &&
      cursor.created === this.created &&
      cursor.revision <= this.revision &&
      missing.length === this.revision - cursor.revision;
    if (!isWhole) {
      follower.cursor = this.#cursor(this.revision);
      sink.replace(new Map(this.content), follower.cursor);
      return;
    }
    for (const entry of missing) {
      follower.cursor = this.#cursor(entry.revision);
      sink.apply(entry, follower.cursor);
    }
  }

  #cursor(revision: number): KvCursor {
    return { created: this.created, revision, mark: `at ${revision}` };
  }

  follow(cursor: KvCursor | null, sink: KvSink): KvFollowing {
    const follower = { cursor, sink };
    this.followers.add(follower);
    return {
      close: async () => {
        this.followers.delete(follower);
      },
    };
  }

  async put(key: string, value: Uint8Array): Promise<number> {
    this.#check();
    return this.write(key, value);
  }

  async create(key: string, value: Uint8Array): Promise<number | null> {
    this.#check();
    return this.content.has(key) ? null : this.write(key, value);
  }

  async get(key: string): Promise<KvEntry | null> {
    this.#check();
    return this.content.get(key) ?? null;
  }

  async delete(key: string): Promise<void> {
    this.#check();
    this.write(key, null);
  }

  #check(): void {
    if (this.isDown) throw new BusError('not connected');
  }
}

/** A bus with scripted buckets, which outlive its connections. */
export class ScriptedBus {
  readonly buckets = new Map<string, ScriptedBucket>();
  open = 0;

  bucket(name: string): ScriptedBucket {
    const bucket = this.buckets.get(name) ?? new ScriptedBucket();
    this.buckets.set(name, bucket);
    return bucket;
  }

  readonly connect = async (): Promise<Bus> => {
    this.open++;
    const { buckets } = this;
    return {
      get connected() {
        return ![...buckets.values()].some(({ isDown }) => isDown);
      },
      bucket: name => this.bucket(name),
      publish: () => {},
      subscribe: () => ({ close: () => {} }),
      close: async () => {
        this.open--;
      },
    };
  };
}
