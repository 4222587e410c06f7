import type { Clock } from '../base/index.ts';
import type { Exchange, Fact, FactSink } from '../pipeline/index.ts';
import { factOf } from './fact-of.ts';
import { RefusalBudget } from './refusal-budget.ts';
import { tagsOf } from './tags-of.ts';

export interface SettlerOptions {
  readonly clock: Clock;
  readonly sinks: readonly FactSink[];
  /** Request headers (lower case) that become tags. */
  readonly tagHeaders: readonly string[];
  /** Counts that the provider did not state are estimated. */
  readonly estimates: boolean;
}

/** Turns a finished exchange into its fact and hands it to every sink. */
export class Settler {
  readonly #clock: Clock;
  readonly #sinks: readonly FactSink[];
  readonly #tagHeaders: readonly string[];
  readonly #estimates: boolean;
  readonly #refusals: RefusalBudget;

  constructor(options: SettlerOptions) {
    this.#clock = options.clock;
    this.#sinks = options.sinks;
    this.#tagHeaders = options.tagHeaders;
    this.#estimates = options.estimates;
    this.#refusals = new RefusalBudget(options.clock, fact => this.#hand(fact, null));
  }

  /** True when a sink took `recorded` and will call it. */
  settle(exchange: Exchange, recorded: (() => void) | null): boolean {
    const tags = tagsOf(exchange, this.#tagHeaders);
    const fact = factOf(exchange, tags, this.#clock.monotonicMs(), this.#estimates);
    const beforeIdentification = fact.outcome === 'refused' && exchange.principal === null;
    if (beforeIdentification && this.#refusals.absorb(fact)) return false;
    return this.#hand(fact, recorded);
  }

  /** Hands over a fact that is of no exchange. True when a sink took `recorded` and will call it. */
  record(fact: Fact, recorded: (isRecorded: boolean) => void): boolean {
    return this.#hand(fact, recorded);
  }

  #hand(fact: Fact, recorded: ((isRecorded: boolean) => void) | null): boolean {
    let held = false;
    for (const sink of this.#sinks) {
      if (sink.take(fact, held || recorded === null ? ignore : recorded)) held = recorded !== null;
    }
    return held;
  }

  close(): void {
    this.#refusals.flush();
  }
}

function ignore(): void {}
