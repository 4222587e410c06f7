import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How long bytes already accepted may still flush before the connection is cut regardless. */
const FLUSH_MS = 1000;

function reset(socket: Socket): void {
  // Only a TCP handle can be reset; a TLS or unix socket is destroyed, which
  // leaves out close_notify and so is no clean end either.
  if ('encrypted' in socket || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * Ends a response that broke off so that nobody can take it for whole
 * (CONTRACT §6): a body delimited by close is reset, a framed one is closed
 * before its end. Bytes already written still go out first.
 */
export function truncateResponse(res: ServerResponse, closeDelimited: boolean): void {
  const { socket } = res;
  if (socket === null) {
    // Pipelined behind an answer under way: it breaks off when its turn comes, after what it holds has left.
    res.once('socket', () => process.nextTick(truncateResponse, res, closeDelimited));
    return;
  }
  if (socket.destroyed) return;
  if (!closeDelimited) {
    // Not res.end(): that would write the end of message.
    socket.destroySoon();
    return;
  }
  if (socket.writableLength === 0) {
    reset(socket);
    return;
  }
  const timer = setTimeout(() => reset(socket), FLUSH_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.once('drain', () => reset(socket));
}
