import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../base/index.ts';
import { type BucketState, managerOf, readState, streamOf } from './bucket-state.ts';
import type { KvSink } from './bus.ts';
import { KeyTally } from './key-tally.ts';
import { type DeliveryTarget, KvDelivery, writtenValue } from './kv-delivery.ts';
import { KvPlace } from './kv-place.ts';
import { PackedEntries } from './packed-entries.ts';
import { pause, unlessStopped } from './wait.ts';

/** How often the bucket is compared with what we have. */
const CHECK_MS = 1500;
const REQUEST_MS = 5000;
/** A delivery that is silent for longer is dead: it would send heartbeats. */
const SILENCE_MS = 5000;
/** A delivery that brings nothing for so long, although the server has more, is dead too. */
const STALL_MS = 3000;
/** How long it may last until a place that was resumed is proven. */
const RESUME_PROOF_MS = 10_000;
/** How long we go on without having seen the very same revision with the very same keys. */
const PROOF_MS = 300_000;
/** Where keys were purged, the next whole reading waits this many times as long as the last one took. */
const REST_FACTOR = 5;

/**
 * Why it is over. `lost`: resume; `doubt`: what we have may miss something,
 * read it whole; `missing`: there is no such bucket.
 */
export type SessionEnd = 'stopped' | 'lost' | 'doubt' | 'missing';

export interface SessionOptions {
  readonly connection: NatsConnection;
  readonly bucket: string;
  readonly sink: KvSink;
  readonly clock: Clock;
  /** Nothing is handed over once this says stop. */
  readonly signal: AbortSignal;
}

/** A bucket that is being read whole. */
interface Reading {
  readonly entries: PackedEntries;
  readonly tally: KeyTally;
  /** The bucket's last write when it began: with it, all is there. */
  readonly target: BucketState;
  readonly beganMs: number;
  revision: number;
  /** When all there was had come; null before. */
  completeMs: number | null;
}

/**
 * Follows a bucket over one connection with one delivery: resumes at a place or
 * reads it whole, then hands on each write, and compares the bucket with what
 * it has every `CHECK_MS`.
 */
export class KvSession implements DeliveryTarget {
  readonly #options: SessionOptions;
  readonly #delivery: KvDelivery;
  readonly #stop = new AbortController();
  #end: SessionEnd | null = null;
  #place: KvPlace | null;
  #reading: Reading | null = null;
  /** The write at the place has yet to be recognised. */
  #isUnrecognised = false;
  #manager: JetStreamManager | null = null;
  #wake = new AbortController();
  /** Keys at the revisions that came while the bucket's state was asked for. */
  #keysAt: Map<number, number> | null = null;
  /** A state of the bucket that we have not reached yet, and since when we are where we are. */
  #ahead: { readonly state: BucketState; readonly from: number; readonly sinceMs: number } | null = null;
  #heard = 0;
  #heardMs: number;
  /** Comparisons in a row that found other keys than ours. */
  #mismatches = 0;
  #isProven = false;
  #proofDueMs = 0;
  #rereadFromMs = 0;

  /** @param place where the sink is, or null to read the bucket whole. */
  constructor(options: SessionOptions, place: KvPlace | null) {
    this.#options = options;
    this.#place = place;
    const { connection, bucket, clock, signal } = options;
    this.#delivery = new KvDelivery(connection, bucket, this);
    this.#heardMs = clock.monotonicMs();
    if (signal.aborted) this.#finish('stopped');
    signal.addEventListener('abort', () => this.#finish('stopped'), { signal: this.#stop.signal });
  }

  /** Where the sink is by now; null before it was given anything. */
  get place(): KvPlace | null {
    return this.#place;
  }

  /** Follows until something ends it. Rejects where the server does not do as it is asked. */
  async run(): Promise<SessionEnd> {
    try {
      return await this.#run();
    } finally {
      this.#finish('stopped');
      this.#delivery.stop();
    }
  }

  async #run(): Promise<SessionEnd> {
    const { connection, bucket, clock } = this.#options;
    this.#manager = await managerOf(connection, REQUEST_MS);
    const state = await this.#ask();
    if (state === null) return this.#end ?? 'missing';
    if (this.#place !== null && !resumes(this.#place, state)) return 'doubt';
    const start = this.#place === null ? this.#read(state) : this.#resume(this.#place);
    this.#proofDueMs = clock.monotonicMs() + RESUME_PROOF_MS;
    await unlessStopped(this.#delivery.start(this.#manager, streamOf(bucket), start), this.#stop.signal);
    while (this.#end === null) {
      // Whatever calls for a comparison while one is under way gets another.
      this.#wake = new AbortController();
      await this.#compare();
      if (this.#end === null) await pause(CHECK_MS, this.#wake.signal);
    }
    return this.#end;
  }

  #read(target: BucketState): number {
    const tally = new KeyTally(target.keys);
    const beganMs = this.#options.clock.monotonicMs();
    const entries = new PackedEntries(tally);
    this.#reading = { entries, tally, target, beganMs, revision: 0, completeMs: null };
    return 1;
  }

  #resume({ anchor, revision }: KvPlace): number {
    this.#isUnrecognised = anchor.revision > 0;
    return this.#isUnrecognised ? anchor.revision : revision + 1;
  }

  #finish(end: SessionEnd): void {
    this.#end ??= end;
    this.#stop.abort();
    this.#wake.abort();
  }

  /** Null where the bucket is missing, and when stopped. */
  async #ask(): Promise<BucketState | null> {
    const asking = readState(this.#manager!, this.#options.bucket);
    return unlessStopped(asking, this.#stop.signal);
  }

  write(key: string, message: Msg, revision: number, isLast: boolean): void {
    if (this.#end !== null) return;
    if (this.#reading !== null) this.#collect(this.#reading, key, message, revision, isLast);
    else if (this.#isUnrecognised) this.#recognise(revision);
    else this.#hand(key, message, revision);
  }

  idle(): void {
    if (this.#isUnrecognised) this.#finish('doubt');
    if (this.#reading !== null) this.#complete(this.#reading);
  }

  /** The delivery, or the connection, is no more. */
  lost(): void {
    this.#finish('lost');
  }

  #collect(reading: Reading, key: string, message: Msg, revision: number, isLast: boolean): void {
    reading.entries.set(key, writtenValue(message), revision);
    reading.revision = revision;
    if (isLast || revision >= reading.target.revision) this.#complete(reading);
  }

  #complete(reading: Reading): void {
    if (reading.completeMs !== null) return;
    reading.completeMs = this.#options.clock.monotonicMs();
    this.#wake.abort();
  }

  #recognise(revision: number): void {
    const { anchor } = this.#place!;
    this.#isUnrecognised = false;
    if (revision !== anchor.revision || this.#delivery.time !== anchor.time) this.#finish('doubt');
    this.#wake.abort();
  }

  #hand(key: string, message: Msg, revision: number): void {
    const place = this.#place!;
    if (revision <= place.revision) {
      // It was not there when this far was read.
      this.#finish('doubt');
      return;
    }
    place.advance(key, revision, this.#delivery.time);
    this.#keysAt?.set(revision, place.keys);
    this.#options.sink.apply({ key, value: writtenValue(message), revision }, place.cursor);
    if (this.#ahead !== null && revision >= this.#ahead.state.revision) {
      this.#keysAt ??= new Map([[revision, place.keys]]);
      this.#prove(this.#ahead.state, place);
    }
  }

  async #compare(): Promise<void> {
    const before = this.#place?.revision ?? 0;
    this.#keysAt = new Map([[before, this.#place?.keys ?? 0]]);
    const state = await this.#ask();
    if (this.#end !== null) return;
    if (state === null) this.#finish('missing');
    else if (this.#isSilent()) this.#finish('lost');
    else if (this.#reading !== null) this.#settle(this.#reading, state);
    else this.#check(this.#place!, state, before);
  }

  #isSilent(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const { heard } = this.#delivery;
    if (heard !== this.#heard) this.#heardMs = nowMs;
    this.#heard = heard;
    return nowMs - this.#heardMs > SILENCE_MS;
  }

  /** Hands over what was read whole, unless the bucket is not the one it was. */
  #settle(reading: Reading, state: BucketState): void {
    const { target, tally, entries, completeMs } = reading;
    const { clock, sink } = this.#options;
    const isOther = state.created !== target.created || state.revision < target.revision;
    if (isOther) this.#finish('doubt');
    if (isOther || completeMs === null) return;
    const revision = Math.max(reading.revision, target.revision);
    if (revision === state.revision && tally.size !== state.keys) {
      // More than there is: purged while we read. Fewer: the rest is on its way.
      if (tally.size > state.keys || clock.monotonicMs() - completeMs > STALL_MS) this.#finish('doubt');
      return;
    }
    const anchor = { revision: reading.revision, time: this.#delivery.time || '0' };
    const place = new KvPlace(state.created, revision, anchor, 0, tally);
    this.#place = place;
    this.#reading = null;
    sink.replace(entries, place.cursor);
    const nowMs = clock.monotonicMs();
    this.#isProven = true;
    this.#proofDueMs = nowMs + PROOF_MS;
    this.#rereadFromMs = nowMs + REST_FACTOR * (nowMs - reading.beganMs);
    this.#keysAt = new Map([[revision, tally.size]]);
    this.#check(place, state, target.revision);
  }

  #check(place: KvPlace, state: BucketState, before: number): void {
    const isOther = state.created !== place.created || state.revision < before;
    if (isOther) this.#finish('doubt');
    else if (this.#isUnrecognised || place.revision < state.revision) this.#wait(place, state);
    else this.#prove(state, place);
  }

  /** The server has more than we got. It is on its way, unless nothing at all comes for a while. */
  #wait(place: KvPlace, state: BucketState): void {
    const nowMs = this.#options.clock.monotonicMs();
    const from = place.revision;
    const sinceMs = this.#ahead?.from === from ? this.#ahead.sinceMs : nowMs;
    if (nowMs > this.#proofDueMs) this.#finish('doubt');
    else if (nowMs - sinceMs > STALL_MS) this.#finish('lost');
    this.#ahead = { state, from, sinceMs };
    this.#keysAt = null;
  }

  /** We are at least where the bucket was in that state. */
  #prove(state: BucketState, place: KvPlace): void {
    const keys = this.#keysAt?.get(state.revision);
    this.#keysAt = null;
    this.#ahead = null;
    const nowMs = this.#options.clock.monotonicMs();
    if (keys !== undefined && keys !== state.keys) {
      this.#isProven = false;
      // Asked again at once before so much is read: a server may have counted in the middle of something.
      if (this.#mismatches++ === 0) this.#wake.abort();
      else if (nowMs >= this.#rereadFromMs) this.#finish('doubt');
      return;
    }
    if (keys !== undefined) this.#mismatches = 0;
    if (keys !== undefined && state.isPlain && place.created === state.created) {
      this.#isProven = true;
      this.#proofDueMs = nowMs + PROOF_MS;
    }
    if (nowMs > this.#proofDueMs) this.#finish('doubt');
    else if (this.#isProven) this.#options.sink.current();
  }
}

/** Whether that bucket may be the one the place is in, and has all that led there. */
function resumes(place: KvPlace, state: BucketState): boolean {
  return state.isPlain && state.created === place.created && state.revision >= place.revision;
}
