import type { Exchange, OpenTap, Tap, UsageFold, UsageReading } from '../pipeline/index.ts';
import { BodyScanner, type BodySink, fieldValue, PointerSet, scannable } from '../wire/index.ts';
import { IdSink, type LearnId, learnUploads, mayStore } from './stored-ids.ts';
import { TextSink } from './text-sink.ts';

/**
 * The reader beside the relay: scans a response body for what its endpoint's
 * reading wants and leaves the totals on the exchange.
 */
class BodyTap implements Tap {
  readonly #exchange: Exchange;
  readonly #scanner: BodyScanner;
  /** Null where only ids are read. */
  readonly #fold: UsageFold | null;

  constructor(exchange: Exchange, fold: UsageFold | null, scanner: BodyScanner) {
    this.#exchange = exchange;
    this.#fold = fold;
    this.#scanner = scanner;
    if (fold !== null) exchange.usage = fold.usage;
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
    const fold = this.#fold;
    this.#scanner.end(state => {
      if (state === 'gaveUp' && fold !== null) this.#exchange.tapGaveUp = true;
      if (fold?.ended === true) this.#exchange.answerEnded = true;
      // A body that could not be read proves nothing about its last event.
      done(fold === null || fold.ended || state === 'gaveUp' || this.#scanner.framing === 'none');
    });
  }
}

/**
 * Opens taps; null where an endpoint states nothing that is wanted or the body
 * cannot hold any. `learn` is told of the ids under which answers store
 * something; null where nobody wants to know. With `estimates` the text of
 * answers is counted as well.
 */
export function tapOpener(learn: LearnId | null, estimates = false): OpenTap {
  const withText = new WithText();
  return (exchange, status, rawHeaders) => {
    const reading = exchange.endpoint!.usage;
    const ids = learn !== null && mayStore(exchange, status, rawHeaders) ? learn : null;
    if (reading === null && ids === null) return null;
    const fold = reading === null ? null : reading.start(exchange.provider!.traits);
    fold?.headers(rawHeaders);
    if (ids !== null) learnUploads(exchange, rawHeaders, ids);
    const contentType = fieldValue(rawHeaders, 'content-type');
    const contentEncoding = fieldValue(rawHeaders, 'content-encoding');
    if (!scannable(contentType, contentEncoding)) {
      if (fold === null) return null;
      exchange.usage = fold.usage;
      exchange.tapGaveUp = contentEncoding !== null;
      return null;
    }
    const sink = ids === null ? fold! : new IdSink(exchange, fold, ids);
    const pointers = ids === null ? reading!.pointers : exchange.endpoint!.state!.pointers;
    const source = { pointers, sink };
    const read = estimates && reading !== null ? withText.of(source, reading, exchange) : source;
    return new BodyTap(exchange, fold, new BodyScanner({ ...read, contentType, contentEncoding }));
  };
}

/** Adds the places of text to what is read. The sets are compiled once. */
class WithText {
  readonly #sets = new Map<PointerSet, PointerSet>();

  of(
    { pointers, sink }: { pointers: PointerSet; sink: BodySink },
    { text }: UsageReading,
    exchange: Exchange,
  ): { pointers: PointerSet; sink: BodySink } {
    if (text.length === 0) return { pointers, sink };
    let all = this.#sets.get(pointers);
    if (all === undefined) {
      all = new PointerSet([...pointers.pointers, ...text]);
      this.#sets.set(pointers, all);
    }
    return { pointers: all, sink: new TextSink(exchange, sink, pointers.pointers.length) };
  }
}
