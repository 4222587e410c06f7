import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/**
 * A value that must never be seen: provider keys, client keys, admin keys.
 * Prints as `[redacted]` in JSON, inspect, template strings and logs. Only
 * `reveal()` gives the bytes, and only code that writes them upstream or
 * compares them may call it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The plain value. Every call site is a place to audit. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
