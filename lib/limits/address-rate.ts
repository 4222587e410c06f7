import { Refusal } from '../errors/index.ts';
import type { AdmitStage, Exchange, StageResult } from '../pipeline/index.ts';
import type { Dimension } from './dimension.ts';
import type { Names } from './names.ts';

/**
 * Requests a minute from one address. It counts whatever arrives there, known
 * key or not, found or not: what is refused later stays counted.
 */
export class AddressRate implements AdmitStage {
  readonly name = 'address-rate';
  readonly phase = 'admit';
  readonly #dimension: Dimension;
  readonly #names: Names;
  readonly #rpm: number;

  constructor(dimension: Dimension, names: Names, rpm: number) {
    this.#dimension = dimension;
    this.#names = names;
    this.#rpm = rpm;
  }

  run(exchange: Exchange): StageResult {
    const name = this.#names.address(exchange);
    if (name === null || this.#dimension.take(name, 1, this.#rpm) !== null) return undefined;
    return new Refusal(
      'address_rate_limited',
      `more than ${this.#rpm} requests a minute from ${name.text}`,
      this.#dimension.retryAfterSeconds(name, 1, this.#rpm),
    );
  }
}
