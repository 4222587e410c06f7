import type { Bus, BusOptions, NatsSettings } from '../../bus/index.ts';
import type { House } from '../../pipeline/index.ts';
import type { DenyBook } from './deny-book.ts';
import { DenyGate } from './deny-gate.ts';
import { DenyLookup } from './deny-lookup.ts';
import { DenySet } from './deny-set.ts';
import type { DenyTable } from './deny-table.ts';
import { FileSource } from './file-source.ts';
import { NatsSource } from './nats-source.ts';
import { openSnapshot, tellAdopted } from './open-snapshot.ts';
import type { Restored } from './restore.ts';
import { sameSettings } from './same-settings.ts';
import type { DenySettings } from './settings.ts';
import { Shared } from './shared.ts';
import type { SnapshotFile } from './snapshot-file.ts';

export type OpenBus = (settings: NatsSettings, options: BusOptions) => Promise<Bus>;

const TICK_MS = 1000;
/** Entries that end are taken out at most so many a second, so that requests go on. */
const EXPIRE_STEPS = 5000;
/** A snapshot says how old its set is: where a limit is set to that, it is written so many times within it. */
const AGE_WRITES = 4;

/**
 * Everything that one `deny` section amounts to. A reload makes new parts, which
 * share the set, and whatever else both sections have in common, with the old
 * ones. Those serve until they are closed, and then hand over what the new ones
 * do not have: entries of a bucket that is no longer followed.
 */
export class DenyParts {
  readonly settings: DenySettings;
  readonly house: House;
  readonly #openBus: OpenBus;
  readonly #set: Shared<DenySet>;
  readonly #gate = new DenyGate();
  #before: DenyParts | null;
  #heir: DenyParts | null = null;
  #table: Shared<DenyTable> | null = null;
  #file: Shared<FileSource> | null = null;
  #nats: Shared<NatsSource> | null = null;
  #snapshot: Shared<SnapshotFile> | null = null;
  #lookup: DenyLookup | null = null;
  #damage: string | null = null;
  #ticks: NodeJS.Timeout | null = null;
  readonly #subscriptions: (() => void)[] = [];
  #isCutDue = false;
  #savedAtMs: number;
  #isClosed = false;

  private constructor(settings: DenySettings, house: House, openBus: OpenBus, before: DenyParts | null) {
    this.settings = settings;
    this.house = house;
    this.#openBus = openBus;
    this.#before = before;
    this.#set = before === null ? new Shared(new DenySet(house.clock)) : before.#set.retain();
    this.#savedAtMs = house.clock.monotonicMs();
  }

  /** @throws {DenyFault} where an operator must decide or repair something first. */
  static async open(
    settings: DenySettings,
    house: House,
    openBus: OpenBus,
    before: DenyParts | null,
  ): Promise<DenyParts> {
    const parts = new DenyParts(settings, house, openBus, before);
    try {
      await parts.#open();
    } catch (error) {
      await parts.close(true);
      throw error;
    }
    return parts;
  }

  get set(): DenySet {
    return this.#set.value;
  }

  get lookup(): DenyLookup {
    return this.#lookup!;
  }

  get table(): DenyTable {
    return this.#table!.value;
  }

  get file(): FileSource | null {
    return this.#file?.value ?? null;
  }

  get nats(): NatsSource | null {
    return this.#nats?.value ?? null;
  }

  get snapshot(): SnapshotFile | null {
    return this.#snapshot?.value ?? null;
  }

  /** What was wrong with the snapshot at the start: what only this gateway had denied may be missing until it is denied again. */
  get damage(): string | null {
    return this.#damage;
  }

  async #open(): Promise<void> {
    await this.#openTable();
    const restored = await this.#openSnapshot();
    await this.#openFile(restored?.file ?? null);
    await this.#openNats(restored?.nats ?? null);
    this.#subscribe();
    this.#ticks = setInterval(() => this.#tick(), TICK_MS).unref();
    if (this.#before !== null) this.#before.#heir = this;
    if (this.#before === null || this.#nats !== this.#before.#nats) this.nats?.start();
  }

  async #openTable(): Promise<void> {
    const before = this.#before === null ? null : this.#before.#table;
    const { maxEntries } = this.settings;
    this.#table =
      before?.value.prints.maxEntries === maxEntries
        ? before.retain()
        : new Shared(await this.set.addTable(maxEntries));
    const share = {
      table: this.table.prints.buffer,
      gate: this.#gate.buffer,
      secret: this.set.prints.secret,
    };
    this.#lookup = new DenyLookup(share, this.house.clock);
  }

  async #openSnapshot(): Promise<Restored | null> {
    const before = this.#before === null ? null : this.#before.#snapshot;
    if (before !== null && before.value.path === this.settings.snapshot) {
      this.#snapshot = before.retain();
      return null;
    }
    const isReload = this.#before !== null;
    const { file, restored, damage } = await openSnapshot(this.settings, this.house, this.set, isReload);
    if (file !== null) this.#snapshot = new Shared(file);
    this.#damage = damage;
    return restored;
  }

  async #openFile(restored: DenyBook | null): Promise<void> {
    const path = this.settings.file;
    const before = this.#before === null ? null : this.#before.#file;
    if (path === undefined) return;
    if (before?.value.path === path) {
      this.#file = before.retain();
      return;
    }
    const book = restored ?? this.set.addBook('file');
    const warn = this.house.warn.bind(this.house);
    try {
      this.#file = new Shared(new FileSource({ path, set: this.set, book, warn }));
    } catch (error) {
      await this.set.dropBook(book);
      throw error;
    }
  }

  async #openNats(restored: DenyBook | null): Promise<void> {
    const settings = this.settings.nats;
    const before = this.#before === null ? null : this.#before.#nats;
    if (settings === undefined) return;
    if (before !== null && sameSettings(this.#before!.settings.nats, settings)) {
      this.#nats = before.retain();
      return;
    }
    const { clock, instance } = this.house;
    const warn = this.house.warn.bind(this.house);
    const bus = await this.#openBus(settings, { name: `weir ${instance} deny`, clock, warn });
    const book = restored ?? this.set.addBook('nats');
    // What the old bucket said goes on until this one was read: it is as old as that.
    if (before?.value.isSeeded === true)
      book.place = { origin: settings.bucket, cursor: null, currentMs: before.value.currentMs };
    const { bucket } = settings;
    this.#nats = new Shared(new NatsSource({ bus, bucket, set: this.set, book, clock, warn }));
  }

  #subscribe(): void {
    this.#updateGate();
    if (this.nats !== null) this.#subscriptions.push(this.nats.onState(() => this.#updateGate()));
    if (this.settings.cutStreams) this.#subscriptions.push(this.set.onDenied(() => this.#cutSoon()));
  }

  #updateGate(): void {
    const { requireSeed, maxStaleness } = this.settings;
    const { nats } = this;
    const staleAtMs = nats === null || maxStaleness === undefined ? 0 : nats.currentMs + maxStaleness;
    this.#gate.set(!requireSeed || nats === null || nats.isSeeded, Math.ceil(staleAtMs / 1000));
  }

  /** Once for all that comes to be denied in one turn of the event loop. */
  #cutSoon(): void {
    if (this.#isCutDue) return;
    this.#isCutDue = true;
    setImmediate(() => {
      this.#isCutDue = false;
      if (!this.#isClosed) this.house.endWhere(principal => this.lookup.judge(principal) ?? null);
    });
  }

  #tick(): void {
    this.set.expire(EXPIRE_STEPS);
    const { maxStaleness } = this.settings;
    const nowMs = this.house.clock.monotonicMs();
    if (maxStaleness === undefined || nowMs - this.#savedAtMs < maxStaleness / AGE_WRITES) return;
    this.#savedAtMs = nowMs;
    this.set.changed();
  }

  /** @param isGivenUp they never came to serve: nothing of them is to be kept. */
  async close(isGivenUp = false): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#ticks !== null) clearInterval(this.#ticks);
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    if (this.#before !== null) this.#before.#heir = this.#heir;
    if (this.#heir !== null) this.#heir.#before = this.#before;
    this.#before = null;
    // Of the last parts nothing is handed over: the set ends with them, and is written as it is.
    const isLast = this.#set.release();
    await this.#closeNats(isLast);
    await this.#closeFile(isLast);
    if (this.#table?.release() === true && !isLast) this.set.dropTable(this.table);
    if (this.#snapshot?.release() === true) await this.#snapshot.value.close(isGivenUp);
  }

  async #closeNats(isLast: boolean): Promise<void> {
    if (this.#nats?.release() !== true) return;
    const { nats, set } = this;
    await nats!.close();
    // The next run is to know how old what it finds is.
    if (isLast && this.settings.maxStaleness !== undefined) set.changed();
    if (isLast) return;
    const heir = this.#newestHeir();
    const adopts = heir !== null && heir.nats === null;
    if (adopts) tellAdopted(this.house, await set.copyBook(nats!.book, set.local));
    else await heir?.nats?.inherit(nats!.book);
    await set.dropBook(nats!.book);
    set.changed();
    if (adopts) await heir.snapshot?.save();
  }

  async #closeFile(isLast: boolean): Promise<void> {
    if (this.#file?.release() !== true) return;
    this.file!.close();
    if (isLast) return;
    await this.set.dropBook(this.file!.book);
    this.set.changed();
  }

  #newestHeir(): DenyParts | null {
    let heir = this.#heir;
    while (heir !== null && heir.#heir !== null) heir = heir.#heir;
    return heir;
  }
}
