import type { Exchange, OpenTap, Tap, UsageFold } from '../pipeline/index.ts';
import { BodyScanner, fieldValue, scannable } from '../wire/index.ts';

/**
 * The reader beside the relay: scans a response body for what its endpoint's
 * reading wants and leaves the totals on the exchange.
 */
class UsageTap implements Tap {
  readonly #exchange: Exchange;
  readonly #scanner: BodyScanner;
  readonly #fold: UsageFold;

  constructor(exchange: Exchange, fold: UsageFold, scanner: BodyScanner) {
    this.#exchange = exchange;
    this.#fold = fold;
    this.#scanner = scanner;
    exchange.usage = fold.usage;
  }

  get onDrain(): (() => void) | null {
    return this.#scanner.onDrain;
  }

  set onDrain(resume: (() => void) | null) {
    this.#scanner.onDrain = resume;
  }

  write(chunk: Buffer): boolean {
    return this.#scanner.write(chunk);
  }

  end(done: (sawEnd: boolean) => void): void {
    this.#scanner.end(state => {
      if (state === 'gaveUp') this.#exchange.tapGaveUp = true;
      // A body that could not be read proves nothing about its last event.
      done(this.#fold.ended || state === 'gaveUp' || this.#scanner.framing === 'none');
    });
  }
}

/** Opens the tap of an exchange; null where its endpoint states no usage or the body cannot hold any. */
export const openTap: OpenTap = (exchange, _status, rawHeaders) => {
  const reading = exchange.endpoint!.usage;
  if (reading === null) return null;
  const fold = reading.start(exchange.provider!.traits);
  fold.headers(rawHeaders);
  const contentType = fieldValue(rawHeaders, 'content-type');
  const contentEncoding = fieldValue(rawHeaders, 'content-encoding');
  if (!scannable(contentType, contentEncoding)) {
    exchange.usage = fold.usage;
    exchange.tapGaveUp = contentEncoding !== null;
    return null;
  }
  const scanner = new BodyScanner({ pointers: reading.pointers, sink: fold, contentType, contentEncoding });
  return new UsageTap(exchange, fold, scanner);
};
