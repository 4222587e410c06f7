import type { Clock } from '../../base/index.ts';
import type { Degradation, Installed, Metric, Warning } from '../../pipeline/index.ts';
import { type LastGood, readKeptPrices, writeLastGood } from './last-good.ts';
import { modelCount, type PriceFile, parsePriceFileBeside } from './price-file.ts';
import type { PriceSource, SourceReading } from './price-source.ts';

export interface PriceFeedOptions {
  /** As the config has it. */
  readonly setting: string;
  readonly source: PriceSource;
  /** Where the last good list is kept; null: in memory only. */
  readonly lastGoodPath: string | null;
  readonly refreshMs: number;
  readonly clock: Clock;
  readonly warn: (warning: Warning) => void;
  /** Told when there is another list than at the last `open` or call. */
  readonly changed: () => void;
}

/** How long a start waits for its first list where no earlier one is kept. */
const START_MS = 3000;
const RETRY_MS = 60_000;
/** A list with less than this part of the models that the one before had is not taken. */
const LEAST_PART = 0.5;

/**
 * The list of prices that config names, read again every `refreshMs`. Whatever
 * is wrong with a new one (not there, too long, no JSON, one price that is
 * none, half of its models gone), the last good one stands, and that is told.
 */
export class PriceFeed implements Installed {
  readonly closesAtOnce = true;
  readonly metrics: readonly Metric[];
  readonly #options: PriceFeedOptions;
  #list: PriceFile | null = null;
  #validator: string | null = null;
  /** When the source last gave the list, or said that it is still the same. */
  #readMs: number | null = null;
  #problem: string | null = null;
  #failures = 0;
  #retryMs = RETRY_MS;
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> | null = null;
  readonly #closing = new AbortController();
  /** Changes are told only to who has been given a list. */
  #isOpen = false;

  private constructor(options: PriceFeedOptions) {
    this.#options = options;
    this.metrics = metricsOf(this);
  }

  /** Reads the list. Waits for the source no longer than 3 s, and not at all where an earlier list is kept. Never rejects. */
  static async open(options: PriceFeedOptions): Promise<PriceFeed> {
    const feed = new PriceFeed(options);
    await feed.#restore();
    const first = feed.refresh();
    if (feed.#list === null) await atMost(START_MS, first);
    feed.#isOpen = true;
    return feed;
  }

  /** Null while none was ever good. */
  get list(): PriceFile | null {
    return this.#list;
  }

  /** Where it is read, for people. */
  get name(): string {
    return this.#options.source.name;
  }

  /** When the source last stood for it, unix time in milliseconds. */
  get readMs(): number | null {
    return this.#readMs;
  }

  get ageMs(): number | null {
    return this.#readMs === null ? null : Math.max(0, this.#options.clock.wallMs() - this.#readMs);
  }

  get failures(): number {
    return this.#failures;
  }

  degraded(): readonly Degradation[] {
    if (this.#list === null)
      return [fault('price_list_missing', `${this.#told()}; there are no prices of that list`)];
    if (this.#problem === null) return [];
    return [fault('price_list_stale', `${this.#told()}; ${this.#fallback()}`)];
  }

  /** Asks the source for whoever then takes the list by himself. Never rejects. */
  async reread(): Promise<void> {
    this.#isOpen = false;
    await this.refresh();
    this.#isOpen = true;
  }

  /** Asks the source now. Never rejects. */
  refresh(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
      this.#schedule();
    });
    return this.#reading;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const { refreshMs } = this.#options;
    const waitMs = this.#problem === null ? refreshMs : Math.min(this.#retryMs, refreshMs);
    this.#retryMs = this.#problem === null ? RETRY_MS : this.#retryMs * 2;
    this.#timer = setTimeout(() => void this.refresh(), waitMs).unref();
  }

  async #restore(): Promise<void> {
    const { lastGoodPath, setting } = this.#options;
    const kept = lastGoodPath === null ? null : await readKeptPrices(lastGoodPath, setting);
    if (kept === null) return;
    this.#list = kept.file;
    this.#validator = kept.validator;
    this.#readMs = kept.readMs;
  }

  async #read(): Promise<void> {
    const known = this.#list === null ? null : this.#validator;
    const reading = await this.#options.source.read(known, this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    if (reading.kind === 'failed') this.#failed(reading.reason);
    else if (reading.kind === 'unchanged') this.#confirmed();
    else await this.#take(reading);
  }

  async #take({ text, validator }: Extract<SourceReading, { kind: 'text' }>): Promise<void> {
    const list = await parsePriceFileBeside(text);
    if (this.#closing.signal.aborted) return;
    if (typeof list === 'string') {
      this.#failed(list);
      return;
    }
    const [now, before] = [modelCount(list), this.#list === null ? 0 : modelCount(this.#list)];
    if (now < before * LEAST_PART) {
      this.#failed(`has ${now} models where there were ${before}`);
      return;
    }
    this.#list = list;
    this.#validator = validator;
    this.#confirmed();
    await this.#keep({ text, validator, readMs: this.#readMs! });
    if (this.#isOpen && !this.#closing.signal.aborted) this.#options.changed();
  }

  async #keep(good: LastGood): Promise<void> {
    const { lastGoodPath, setting, warn } = this.#options;
    if (lastGoodPath === null) return;
    try {
      await writeLastGood(lastGoodPath, setting, good);
    } catch (error) {
      const message = `The list of prices cannot be kept in ${lastGoodPath} (${(error as Error).message}): a restart that cannot read ${this.name} has none.`;
      warn({ code: 'price_list_not_kept', message });
    }
  }

  #confirmed(): void {
    this.#readMs = this.#options.clock.wallMs();
    if (this.#problem === null) return;
    this.#problem = null;
    this.#options.warn({
      code: 'price_list_recovered',
      message: `The list of prices is read again from ${this.name}.`,
    });
  }

  #failed(problem: string): void {
    this.#failures++;
    const isNews = problem !== this.#problem;
    this.#problem = problem;
    if (isNews)
      this.#options.warn({ code: 'price_list_failing', message: `${this.#told()}; ${this.#fallback()}.` });
  }

  #told(): string {
    return `The list of prices ${this.name} ${this.#problem ?? 'has not come yet'}`;
  }

  #fallback(): string {
    return this.#readMs === null
      ? 'what only it has a price for is unpriced'
      : `the one of ${new Date(this.#readMs).toISOString()} stands`;
  }
}

function fault(code: string, message: string): Degradation {
  return { code, message, refuses: false };
}

function metricsOf(feed: PriceFeed): readonly Metric[] {
  const one = (value: number) => [{ labels: {}, value }];
  return [
    {
      name: 'weir_price_list_age_seconds',
      type: 'gauge',
      help: 'Since the source of the price list last gave it or said that it is the same.',
      labels: [],
      read: () => (feed.ageMs === null ? [] : one(feed.ageMs / 1000)),
    },
    {
      name: 'weir_price_list_models',
      type: 'gauge',
      help: 'Models with a price in the price list.',
      labels: [],
      read: () => one(feed.list === null ? 0 : modelCount(feed.list)),
    },
    {
      name: 'weir_price_list_failures_total',
      type: 'counter',
      help: 'Readings of the price list that gave none, or one that was refused.',
      labels: [],
      read: () => one(feed.failures),
    },
  ];
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
