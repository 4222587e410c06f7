import { STATUS_CODES } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bytes, bytes, chunkFrame, type Fields, formatFields, lastChunk } from '../raw/index.ts';
import type { Step } from './turn.ts';

/** A status line and fields, exactly as given. */
export function head(status: number, fields: Fields = [], reason = STATUS_CODES[status] ?? ''): Step {
  return raw(`HTTP/1.1 ${status} ${reason}\r\n${formatFields(fields)}\r\n`);
}

/** Any bytes. */
export function raw(data: Bytes): Step {
  const wire = bytes(data);
  return turn => turn.write(wire);
}

/** One transfer chunk with its framing. */
export function chunk(data: Bytes): Step {
  const wire = chunkFrame(bytes(data));
  return turn => turn.write(wire);
}

/** The last chunk. */
export function last(trailers: Fields = []): Step {
  const wire = lastChunk(trailers);
  return turn => turn.write(wire);
}

/** A whole answer with Content-Length. */
export function respond(status: number, fields: Fields, body: Bytes): readonly Step[] {
  const data = bytes(body);
  return [head(status, [...fields, ['Content-Length', String(data.length)]]), raw(data)];
}

/** A whole chunked answer, a write for each piece. */
export function chunked(status: number, fields: Fields, pieces: readonly Bytes[]): readonly Step[] {
  return [head(status, [...fields, ['Transfer-Encoding', 'chunked']]), ...pieces.map(chunk), last()];
}

/** A whole answer that ends with the connection. */
export function closeDelimited(status: number, fields: Fields, pieces: readonly Bytes[]): readonly Step[] {
  return [head(status, [...fields, ['Connection', 'close']]), ...pieces.map(raw), fin()];
}

/** Waits for a promise, or for milliseconds where the pace itself is what is tested. */
export function wait(until: Promise<unknown> | number): Step {
  return async () => {
    await (typeof until === 'number' ? delay(until) : until);
  };
}

/** The request body is here. Scripts begin after it unless registered with `at: 'head'`. */
export function awaitBody(): Step {
  return async turn => {
    await turn.request.wholeBody();
  };
}

/** Writes from here on go out in pieces of at most `splitBytes`. */
export function splitEvery(splitBytes: number): Step {
  return turn => {
    turn.splitBytes = splitBytes;
  };
}

/** Closes the connection: FIN after what was written. */
export function fin(): Step {
  return turn => turn.connection.fin();
}

/** Ends our side only, and goes on reading. */
export function halfClose(): Step {
  return turn => turn.connection.halfClose();
}

/** Resets the connection. */
export function rst(): Step {
  return turn => turn.connection.rst();
}

/** Stops reading, so that the peer feels backpressure. */
export function pauseReading(): Step {
  return turn => turn.connection.pauseReading();
}

export function resumeReading(): Step {
  return turn => turn.connection.resumeReading();
}

/** Body bytes from here on are counted on the connection but not kept. */
export function ignoreBody(): Step {
  return turn => {
    turn.connection.ignoreBody = true;
  };
}

/** A step at which a script stands until the test opens it. */
export interface Gate extends Step {
  /** Resolves when a script stands here. */
  readonly reached: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const step = (): Promise<void> => {
    reached.resolve();
    return opened.promise;
  };
  return Object.assign(step, { reached: reached.promise, open: () => opened.resolve() });
}
