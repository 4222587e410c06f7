import type { IncomingMessage } from 'node:http';

const BODY_BYTES_MAX = 64 * 1024;
/** Past the limit this much is still read: closing with unread bytes would reset the answer away (RFC 9112 §9.6). */
const DISCARD_BYTES_MAX = 1024 * 1024;

/** Whether a request announces a body. */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** The whole body; `tooLarge` past 64 KiB; null where the client left before its end. */
export function readBody(req: IncomingMessage): Promise<Buffer | 'tooLarge' | null> {
  return new Promise(resolve => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
      else chunks = [];
      if (bytes > DISCARD_BYTES_MAX) {
        req.pause();
        resolve('tooLarge');
      }
    });
    req.on('end', () => resolve(bytes > BODY_BYTES_MAX ? 'tooLarge' : Buffer.concat(chunks)));
    req.on('error', () => resolve(null));
    req.on('close', () => resolve(null));
  });
}
