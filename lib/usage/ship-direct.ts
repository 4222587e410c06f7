import type { Degradation, Fact, FactSink, Metric, Warning } from '../pipeline/index.ts';
import type { Ledger } from '../store/index.ts';
import { Rest } from './rest.ts';
import { ShipProgress } from './ship-progress.ts';

const BATCH_FACTS = 1000;
/** What may wait in memory while the store does not take it; past it facts are dropped and counted. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

export interface DirectShipperOptions {
  readonly ledger: Ledger;
  readonly warn: (warning: Warning) => void;
}

/**
 * Brings facts to the store where there is no journal. No response waits for
 * it, so a crash loses what has not arrived, and what finds no room is lost.
 */
export class DirectShipper implements FactSink {
  readonly name = 'store';
  readonly #ledger: Ledger;
  readonly #progress: ShipProgress;
  #texts: string[] = [];
  #dropped = 0;
  #dropping = false;
  #closed = false;
  readonly #rest = new Rest();
  #loop: Promise<void> | null = null;
  /** Facts that the store has taken, and who waits for how many. */
  #sent = 0;
  #waiting: { readonly until: number; readonly resolve: (isThere: boolean) => void }[] = [];

  constructor({ ledger, warn }: DirectShipperOptions) {
    this.#ledger = ledger;
    this.#progress = new ShipProgress(ledger.place, 'Without a journal they wait in memory', warn);
  }

  /** Facts that found no room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** There is no room for another fact at the moment. */
  get dropping(): boolean {
    return this.#dropping;
  }

  get metrics(): readonly Metric[] {
    const dropped: Metric = {
      name: 'weir_store_dropped_facts_total',
      type: 'counter',
      help: 'Facts that were lost because the store did not take them in time.',
      labels: [],
      read: () => [{ labels: {}, value: this.#dropped }],
    };
    return [...this.#progress.metrics, dropped];
  }

  degraded(): readonly Degradation[] {
    return this.#progress.degraded();
  }

  take(fact: Fact): boolean {
    this.#dropping = this.#progress.backlogBytes > WAITING_BYTES_MAX;
    if (this.#closed || this.#dropping) {
      this.#dropped++;
      return false;
    }
    const text = JSON.stringify(fact);
    this.#texts.push(text);
    this.#progress.backlogBytes += text.length;
    this.#loop ??= this.#run();
    return false;
  }

  /** Ends when nothing waits any more, or at the first failure once it is closed. */
  async #run(): Promise<void> {
    while (this.#texts.length > 0) {
      const isSent = await this.#send();
      if (isSent) continue;
      if (this.#closed) break;
      await this.#rest.take(this.#progress.retryMs ?? 0);
    }
    this.#loop = null;
  }

  async #send(): Promise<boolean> {
    const batch = this.#texts.slice(0, BATCH_FACTS);
    const result = await this.#ledger.append(batch, []);
    if (!result.ok) {
      this.#progress.failed(result.problem);
      this.#tell(false);
      return false;
    }
    this.#texts.splice(0, batch.length);
    this.#progress.backlogBytes -= batch.reduce((sum, text) => sum + text.length, 0);
    this.#dropping = false;
    this.#progress.add(result.value);
    this.#progress.succeeded();
    this.#sent += batch.length;
    this.#tell(true);
    return true;
  }

  /** True once all that was taken until now is in the store; false where it is away, or facts were dropped. */
  caughtUp(): Promise<boolean> {
    if (this.#closed || this.#dropping || this.#progress.retryMs !== null) return Promise.resolve(false);
    if (this.#texts.length === 0) return Promise.resolve(true);
    return new Promise(resolve => this.#waiting.push({ until: this.#sent + this.#texts.length, resolve }));
  }

  #tell(isThere: boolean): void {
    const told = this.#waiting.filter(({ until }) => !isThere || until <= this.#sent);
    this.#waiting = this.#waiting.filter(waiting => !told.includes(waiting));
    for (const { resolve } of told) resolve(isThere);
  }

  /** Brings what waits, once. What the store does not take then is lost. The ledger stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#rest.end();
    await this.#loop;
    this.#tell(false);
    this.#dropped += this.#texts.length;
    this.#texts = [];
  }
}
