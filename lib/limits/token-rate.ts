import { Refusal } from '../errors/index.ts';
import type { Exchange, Stage, StageResult } from '../pipeline/index.ts';
import { Hold } from './hold.ts';
import { type Rule, readingOf, stricter } from './rule.ts';
import { expectedTokens, TokenReservation } from './token-reservation.ts';

/**
 * Tokens a minute, of a key and of a subject: reserved by what a request is
 * likely to cost, made right by what it did cost when it is over.
 */
export class TokenRate implements Stage {
  readonly name = 'token-rate';
  readonly phase = 'inspect';
  readonly #rules: readonly Rule[];
  readonly #tells: boolean;

  /** @param tells whether answers tell how near a limit is. */
  constructor(rules: readonly Rule[], tells: boolean) {
    this.#rules = rules;
    this.#tells = tells;
  }

  run(exchange: Exchange): StageResult {
    let reservation: TokenReservation | null = null;
    let refusal: Refusal | undefined;
    for (const rule of this.#rules) {
      const limit = rule.limitOf(exchange.principal!);
      const name = limit === null ? null : rule.nameOf(exchange);
      if (limit === null || name === null) continue;
      reservation ??= new TokenReservation(expectedTokens(exchange));
      const tokens = reservation.tokensUnder(limit);
      if (tokens === 0) continue;
      const counted = rule.dimension.take(name, tokens, limit);
      if (counted === null) {
        const seconds = rule.dimension.retryAfterSeconds(name, tokens, limit);
        const detail = `${tokens} more tokens, more than ${limit} a minute: ${rule.label}`;
        refusal = new Refusal('token_rate_limited', detail, seconds);
        break;
      }
      reservation.holds(counted, tokens);
    }
    if (reservation === null) return undefined;
    const hold = Hold.of(exchange);
    if (refusal === undefined) hold.reservation = reservation;
    else {
      reservation.release();
      for (const counted of hold.rates) counted.become(0);
    }
    if (this.#tells) this.#tell(exchange, hold);
    return refusal;
  }

  #tell(exchange: Exchange, hold: Hold): void {
    for (const rule of this.#rules) {
      const limit = rule.limitOf(exchange.principal!);
      const name = limit === null ? null : rule.nameOf(exchange);
      if (limit !== null && name !== null) hold.tokens = stricter(hold.tokens, readingOf(rule, name, limit));
    }
  }
}
