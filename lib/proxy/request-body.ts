import type { IncomingMessage } from 'node:http';
import { Refusal } from '../errors/index.ts';
import type { Exchange } from '../pipeline/index.ts';
import { BodyHold, type BodyRoom } from './body-room.ts';
import { ByteCollector } from './byte-collector.ts';

/** Up to this size a body is collected and sent as one Buffer: measured +35 % throughput (DESIGN §6). */
export const IN_HAND_BYTES = 64 * 1024;

/** What came of reading the start of a body. */
export type BodyStart =
  | { readonly kind: 'whole'; readonly body: Buffer | null }
  | { readonly kind: 'partial'; readonly prefix: readonly Buffer[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** The declared length, 0 without a body, -1 when chunked. node has validated both fields. */
export function declaredLength(req: IncomingMessage): number {
  if (req.headers['transfer-encoding'] !== undefined) return -1;
  const length = req.headers['content-length'];
  return length === undefined ? 0 : Number(length);
}

/**
 * Reads up to `inHandBytes` of a body. A body that ends within them is whole;
 * a longer one is handed on with what was read, still flowing no further.
 * `arrived` is called at each piece: a slow client is not a silent one. What is
 * longer than `IN_HAND_BYTES` needs room in `hold`.
 */
export function startBody(
  req: IncomingMessage,
  inHandBytes: number,
  bytesMax: number,
  hold: BodyHold | null,
  arrived: () => void,
  done: (start: BodyStart) => void,
): void {
  const length = declaredLength(req);
  if (length === 0) {
    done({ kind: 'whole', body: null });
    return;
  }
  if (length > inHandBytes) {
    done({ kind: 'partial', prefix: [] });
    return;
  }
  const collector = new ByteCollector();
  const settle = (start: BodyStart): void => {
    req.off('data', onData);
    req.off('end', onEnd);
    done(start);
  };
  const onData = (chunk: Buffer): void => {
    arrived();
    collector.push(chunk);
    if (collector.length > bytesMax) {
      req.pause();
      settle({ kind: 'refused', refusal: new Refusal('body_too_large') });
    } else if (collector.length > inHandBytes) {
      req.pause();
      settle({ kind: 'partial', prefix: [collector.collected()] });
    } else if (hold !== null && collector.length > IN_HAND_BYTES && !hold.grow(collector.length)) {
      req.pause();
      settle({ kind: 'refused', refusal: new Refusal('overloaded', 'limits.bodiesInHandBytes', 1) });
    }
  };
  const onEnd = (): void => settle({ kind: 'whole', body: collector.collected() });
  req.on('data', onData);
  req.once('end', onEnd);
}

/** Reads all of a body. What is longer than `IN_HAND_BYTES` stays in `room` until the exchange is over. */
export function startWholeBody(
  exchange: Exchange,
  room: BodyRoom,
  bytesMax: number,
  arrived: () => void,
  done: (start: BodyStart) => void,
): void {
  const hold = new BodyHold(room);
  exchange.take(hold);
  startBody(exchange.req, bytesMax, Math.min(bytesMax, room.bytesMax), hold, arrived, done);
}
