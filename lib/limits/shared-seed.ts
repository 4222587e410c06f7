import { SketchSeed } from '../base/index.ts';
import {
  type Bus,
  BusError,
  type KvBucket,
  type KvEntry,
  type KvFollowing,
  type KvSink,
} from '../bus/index.ts';
import type { Warning } from '../pipeline/index.ts';

const KEY = 'seed';
/** First byte of the stored value; the seed's 32 bytes follow. */
const VERSION = 1;
const VALUE_BYTES = 33;

export interface SharedSeedHouse {
  /** What this instance counts under. */
  current(): SketchSeed;
  /** The seed of the fleet is another one. */
  learned(seed: SketchSeed): void;
  warn(warning: Warning): void;
}

/**
 * The one seed of a fleet, in a bucket. Who finds none there offers the seed it
 * counts under; the first to do so decides. A bucket that was lost gets back
 * the seed that the instances have, so nothing changes for them.
 */
export class SharedSeed implements KvSink {
  readonly #bucket: KvBucket;
  readonly #house: SharedSeedHouse;
  readonly #following: KvFollowing;
  #stored: SketchSeed | null = null;
  #isOffering = false;
  #isClosed = false;

  constructor(bus: Bus, bucket: string, house: SharedSeedHouse) {
    this.#bucket = bus.bucket(bucket);
    this.#house = house;
    this.#following = this.#bucket.follow(null, this);
  }

  /** The seed in the bucket is the one this instance counts under. */
  get isShared(): boolean {
    return this.#stored !== null && this.#stored.id === this.#house.current().id;
  }

  replace(entries: ReadonlyMap<string, KvEntry>): void {
    this.#read(entries.get(KEY)?.value ?? null);
  }

  apply({ key, value }: KvEntry): void {
    if (key === KEY) this.#read(value);
  }

  current(): void {
    if (this.#stored === null) void this.#offer();
    else if (!this.isShared) this.#house.learned(this.#stored);
  }

  #read(value: Uint8Array | null): void {
    if (value === null) {
      this.#stored = null;
      return;
    }
    if (value.length !== VALUE_BYTES || value[0] !== VERSION) {
      const message = `limits.nats.bucket holds a ${KEY} that is none: delete it, and the instances agree on a new one`;
      this.#house.warn({ code: 'limits_seed_invalid', message });
      return;
    }
    this.#stored = new SketchSeed(value.subarray(1));
    if (!this.isShared) this.#house.learned(this.#stored);
  }

  /** Whatever comes of it, the bucket tells. While it cannot be reached the next `current` tries again. */
  async #offer(): Promise<void> {
    if (this.#isOffering || this.#isClosed) return;
    this.#isOffering = true;
    try {
      await this.#bucket.create(KEY, Buffer.from([VERSION, ...this.#house.current().reveal()]));
    } catch (error) {
      if (!(error instanceof BusError)) this.#house.warn({ code: 'internal', message: String(error) });
    } finally {
      this.#isOffering = false;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#following.close();
  }
}
