import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ErrorCode } from '../errors/index.ts';

/** The body grew past `limits.bodyBytes` while it was being relayed. */
class OversizeUpload extends Error {}

/** The code of an upload that failed by the client's fault, else null. */
export function uploadFault(error: Error): ErrorCode | null {
  return error instanceof OversizeUpload ? 'body_too_large' : null;
}

/**
 * A request body on its way upstream, with backpressure and a cap. It stands
 * between the request and undici because undici destroys the body stream when
 * an upstream fails, and destroying the request would take the client's socket,
 * and with it our answer.
 */
export class Upload extends Readable {
  readonly #req: IncomingMessage;
  readonly #bytesMax: number;
  readonly #seen: (chunk: Buffer) => void;
  #bytes = 0;

  /** `seen` gets every chunk once, in order, beside the relay. */
  constructor(
    req: IncomingMessage,
    prefix: readonly Buffer[],
    bytesMax: number,
    seen: (chunk: Buffer) => void,
  ) {
    super();
    this.#req = req;
    this.#bytesMax = bytesMax;
    this.#seen = seen;
    for (const chunk of prefix) {
      this.#bytes += chunk.length;
      this.push(chunk);
    }
    req.on('data', this.#onData);
    req.once('end', this.#onEnd);
    req.pause();
  }

  override _read(): void {
    this.#req.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#req.off('data', this.#onData);
    this.#req.off('end', this.#onEnd);
    // The rest of a body nobody wants stays in the socket until it is closed.
    this.#req.pause();
    callback(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) {
      this.destroy(new OversizeUpload());
      return;
    }
    this.#seen(chunk);
    if (!this.push(chunk)) this.#req.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };
}
