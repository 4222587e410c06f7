import { Refusal } from '../errors/index.ts';
import type { Exchange, Principal, Stage, StageResult } from '../pipeline/index.ts';
import type { Counted } from './dimension.ts';
import { Hold } from './hold.ts';
import { type Rule, readingOf, stricter } from './rule.ts';

/** Requests a minute: of a key, of a subject, of all together. What one limit refuses, none has counted. */
export class RequestRate implements Stage {
  readonly name = 'request-rate';
  readonly phase = 'limit';
  readonly #rules: readonly Rule[];
  /** Whether answers tell how near a limit is. */
  readonly #tells: boolean;
  /** Whether token limits may still refuse, and then take back what was counted here. */
  readonly #mayBeTakenBack: (principal: Principal) => boolean;

  constructor(rules: readonly Rule[], tells: boolean, mayBeTakenBack: (principal: Principal) => boolean) {
    this.#rules = rules;
    this.#tells = tells;
    this.#mayBeTakenBack = mayBeTakenBack;
  }

  run(exchange: Exchange): StageResult {
    const principal = exchange.principal!;
    const counted: Counted[] = [];
    for (const rule of this.#rules) {
      const limit = rule.limitOf(principal);
      const name = limit === null ? null : rule.nameOf(exchange);
      if (limit === null || name === null) continue;
      const taken = rule.dimension.take(name, 1, limit);
      if (taken === null) {
        for (const earlier of counted) earlier.become(0);
        if (this.#tells) this.#tell(exchange);
        return new Refusal(
          'rate_limited',
          `more than ${limit} requests a minute: ${rule.label}`,
          rule.dimension.retryAfterSeconds(name, 1, limit),
        );
      }
      counted.push(taken);
    }
    if (counted.length === 0) return undefined;
    if (this.#mayBeTakenBack(principal)) Hold.of(exchange).rates = counted;
    if (this.#tells) this.#tell(exchange);
    return undefined;
  }

  #tell(exchange: Exchange): void {
    const hold = Hold.of(exchange);
    for (const rule of this.#rules) {
      const limit = rule.isShown ? rule.limitOf(exchange.principal!) : null;
      const name = limit === null ? null : rule.nameOf(exchange);
      if (limit !== null && name !== null)
        hold.requests = stricter(hold.requests, readingOf(rule, name, limit));
    }
  }
}
