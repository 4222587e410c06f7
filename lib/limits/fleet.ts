import { type Clock, type SketchSeed, type SlotDelta, WINDOW_SLOTS } from '../base/index.ts';
import type { Bus } from '../bus/index.ts';
import type { Warning } from '../pipeline/index.ts';
import type { Counts } from './counts.ts';
import { type Delta, decodeDelta, encodeDelta, MESSAGE_CELLS_MAX } from './delta-codec.ts';
import { DIMENSIONS, type Dimension } from './dimension.ts';
import { Peers } from './peers.ts';
import { SharedSeed } from './shared-seed.ts';

/** How often an instance tells the others what it has counted. */
export const PUBLISH_MS = 150;
/** How soon it does so where much of a limit went without their knowing. */
export const PUBLISH_EARLY_MS = 10;
/** Telling early may take this share of an instance's time. */
const EARLY_SHARE = 1 / 10;

/** How long an instance that is back on the bus waits for the others to be there before it tells them what they missed. */
const REJOIN_MS = 2000;

/**
 * Why a message of another instance was not counted: too long; not one of
 * ours; of another seed; with a wrong MAC; our own; heard before; of one
 * instance too many; of a limit or a shape that is not configured here; of a
 * slot that is not in the window; in part, as something before it is missing.
 */
export const DROP_REASONS = [
  'size',
  'malformed',
  'seed',
  'forged',
  'own',
  'duplicate',
  'peers',
  'dimension',
  'shape',
  'slot',
  'missed',
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

export interface FleetOptions {
  readonly bus: Bus;
  readonly bucket: string;
  readonly subject: string;
  readonly counts: Counts;
  readonly clock: Clock;
  readonly instance: string;
  readonly boot: string;
  warn(warning: Warning): void;
}

/**
 * Several instances that hold limits together: each tells the others what it
 * has counted, and adds what they have. Without the bus each holds them on its
 * own, and tells afterwards what is still in the window.
 */
export class Fleet {
  readonly dropped = new Map<DropReason, number>(DROP_REASONS.map(reason => [reason, 0]));
  readonly #options: FleetOptions;
  readonly #seed: SharedSeed;
  readonly #peers = new Peers();
  #subscription: { close(): void } | null = null;
  /** The slot in which something was last told. */
  #toldSlot = -1;
  #togetherMs: number;
  #wasTogether = false;
  /** How long it took to tell the others when it was last done early. */
  #tellingMs = 0;
  /** Who is expected back after an outage. */
  #awaited = new Set<string>();
  #awaitedUntilMs = 0;
  /** A seed that waits until the change to the one before it is over. */
  #nextSeed: SketchSeed | null = null;
  #ticks: NodeJS.Timeout | null = null;
  #early: NodeJS.Timeout | null = null;

  constructor(options: FleetOptions) {
    const { bus, bucket, counts, clock } = options;
    this.#options = options;
    this.#togetherMs = clock.monotonicMs();
    this.#seed = new SharedSeed(bus, bucket, {
      current: () => counts.seed,
      learned: seed => {
        this.#nextSeed = seed;
        this.#adopt();
      },
      warn: warning => options.warn(warning),
    });
  }

  /** Begins to listen, and to tell the others time and again. Once more when there are new dimensions. */
  start(): void {
    const { bus, subject, counts } = this.#options;
    this.#subscription ??= bus.subscribe(subject, payload => this.receive(payload));
    this.#ticks ??= setInterval(() => this.publish(), PUBLISH_MS).unref();
    for (const dimension of counts.dimensions.values()) dimension.onUntold = () => this.#publishEarly();
    this.#adopt();
  }

  /** Leaves it to another fleet to speak for the counts. */
  pause(): void {
    this.#subscription?.close();
    this.#subscription = null;
    if (this.#ticks !== null) clearInterval(this.#ticks);
    this.#ticks = null;
    if (this.#early !== null) clearTimeout(this.#early);
    this.#early = null;
    for (const dimension of this.#options.counts.dimensions.values()) dimension.onUntold = null;
  }

  /** Limits are held together with others at the moment. */
  get isTogether(): boolean {
    return this.#options.bus.connected && this.#seed.isShared;
  }

  /** Since when they have not been. */
  get aloneSeconds(): number {
    return this.isTogether ? 0 : (this.#options.clock.monotonicMs() - this.#togetherMs) / 1000;
  }

  /** Other instances that were heard of in the last minute. */
  get peers(): number {
    return this.#peers.size;
  }

  #publishEarly(): void {
    if (this.#early !== null || !this.isTogether) return;
    const { clock } = this.#options;
    const waitMs = Math.max(PUBLISH_EARLY_MS, this.#tellingMs / EARLY_SHARE);
    this.#early = setTimeout(() => {
      this.#early = null;
      const beganMs = clock.monotonicMs();
      this.publish();
      this.#tellingMs = clock.monotonicMs() - beganMs;
    }, waitMs).unref();
  }

  /** Tells the others what was counted since the last time; at least once a slot that this instance is there. */
  publish(): void {
    const { counts, clock } = this.#options;
    const { time } = counts;
    if (time.reanchor()) {
      // What slots were called before is not what they are called now: others must not correct it.
      counts.told++;
      this.#peers.clear();
    }
    const slot = time.slot();
    this.#peers.forget(slot - WINDOW_SLOTS);
    this.#adopt();
    const nowMs = clock.monotonicMs();
    if (!this.#checkTogether(nowMs)) return;
    if (this.#awaited.size > 0 && nowMs < this.#awaitedUntilMs) {
      this.#tell(null, { slot, cells: [], counts: [] });
      return;
    }
    for (const dimension of counts.dimensions.values()) {
      if (!dimension.sketch.shape.merged) continue;
      for (const delta of dimension.sketch.drain(MESSAGE_CELLS_MAX)) this.#tell(dimension, delta);
    }
    if (this.#toldSlot !== slot) this.#tell(null, { slot, cells: [], counts: [] });
  }

  /** After an outage all come back one by one: what is told too early nobody hears. */
  #checkTogether(nowMs: number): boolean {
    const { isTogether } = this;
    if (isTogether && !this.#wasTogether) {
      this.#awaited = new Set(this.#peers.ids());
      this.#awaitedUntilMs = nowMs + REJOIN_MS;
    }
    if (isTogether) this.#togetherMs = nowMs;
    this.#wasTogether = isTogether;
    return isTogether;
  }

  #tell(dimension: Dimension | null, { slot, cells, counts }: SlotDelta): void {
    const { bus, subject, instance, boot, counts: all } = this.#options;
    const delta: Delta = {
      instance,
      boot,
      serial: all.told++,
      dimension: dimension === null ? 0 : DIMENSIONS.indexOf(dimension.name),
      width: dimension?.sketch.shape.width ?? 0,
      depth: dimension?.sketch.shape.depth ?? 0,
      slotMs: all.time.slotMs,
      unixSlot: all.time.unixOf(slot),
      cells,
      counts,
    };
    this.#toldSlot = all.time.reached;
    bus.publish(subject, encodeDelta(delta, all.seed));
  }

  /** Takes a message of another instance, whatever its bytes. */
  receive(payload: Uint8Array): void {
    const delta = decodeDelta(payload, this.#options.counts.seed);
    const reason = typeof delta === 'string' ? delta : this.#take(delta);
    if (reason !== null) this.dropped.set(reason, this.dropped.get(reason)! + 1);
  }

  #take(delta: Delta): DropReason | null {
    const { counts, instance, boot } = this.#options;
    const { time } = counts;
    if (delta.instance === instance && delta.boot === boot) return 'own';
    const slot = time.slotOf(delta.unixSlot);
    const id = `${delta.instance}:${delta.boot}`;
    const verdict = this.#peers.judge(id, delta.serial, slot, time.slot());
    this.#awaited.delete(id);
    if (verdict === 'duplicate' || verdict === 'peers') return verdict;
    if (delta.cells.length === 0) return null;
    const name = DIMENSIONS[delta.dimension];
    const sketch = name === undefined ? undefined : counts.dimensions.get(name)?.sketch;
    if (sketch === undefined || !sketch.shape.merged) return 'dimension';
    const { width, depth } = sketch.shape;
    if (delta.width !== width || delta.depth !== depth || delta.slotMs !== time.slotMs) return 'shape';
    const sound = verdict === 'sound' ? delta : onlyMore(delta);
    if (!sketch.absorb({ slot, cells: sound.cells, counts: sound.counts })) return 'slot';
    return sound.cells.length < delta.cells.length ? 'missed' : null;
  }

  /** Only while it speaks for the counts, and one change at a time: a seed that comes during another's change waits for its end. */
  #adopt(): void {
    const { counts } = this.#options;
    const seed = this.#nextSeed;
    if (seed === null || this.#ticks === null || counts.isReplacing) return;
    this.#nextSeed = null;
    if (seed.id !== counts.seed.id) counts.adopt(seed);
  }

  async close(): Promise<void> {
    if (this.#ticks !== null) {
      this.publish();
      this.pause();
    }
    await this.#seed.close();
    await this.#options.bus.close();
  }
}

/** What something may have been missed of is not corrected downwards. */
function onlyMore(delta: Delta): Pick<Delta, 'cells' | 'counts'> {
  const kept = delta.counts.flatMap((count, i) => (count > 0 ? [i] : []));
  return { cells: kept.map(i => delta.cells[i]!), counts: kept.map(i => delta.counts[i]!) };
}
