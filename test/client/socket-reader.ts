import type { Socket } from 'node:net';
import { Changes } from '../deadline/index.ts';

/** How the peer ended its side: not yet, by FIN, or by RST. */
export type PeerEnd = 'open' | 'fin' | 'reset';

/** Pulls bytes off a socket in the amounts a test asks for. */
export class SocketReader {
  readonly #changes = new Changes();
  #chunks: Buffer[] = [];
  #buffered = 0;
  #received = 0;
  #end: PeerEnd = 'open';
  #endAtMs: number | null = null;

  constructor(socket: Socket) {
    socket.on('data', (data: Buffer) => {
      this.#chunks.push(data);
      this.#buffered += data.length;
      this.#received += data.length;
      this.#changes.notify();
    });
    socket.on('end', () => this.#ended('fin'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') this.#ended('reset');
    });
    socket.on('close', () => this.#ended('reset'));
  }

  #ended(how: PeerEnd): void {
    if (this.#end !== 'open') return;
    this.#end = how;
    this.#endAtMs = performance.now();
    this.#changes.notify();
  }

  get end(): PeerEnd {
    return this.#end;
  }

  get endAtMs(): number | null {
    return this.#endAtMs;
  }

  /** Bytes received since the start. */
  get received(): number {
    return this.#received;
  }

  /** Resolves with how the peer ended its side. */
  async ended(): Promise<'fin' | 'reset'> {
    return this.#changes.until(() => (this.#end === 'open' ? null : this.#end), 'the end of the connection');
  }

  /** Bytes up to and with `marker`, or null when the connection ends before. */
  async until(marker: string, limitBytes = 1 << 20): Promise<Buffer | null> {
    let searched = 0;
    const length = await this.#changes.until(
      () => {
        if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
        const held = this.#chunks[0] ?? Buffer.alloc(0);
        const found = held.indexOf(marker, Math.max(0, searched - marker.length));
        searched = held.length;
        if (found !== -1) return found + marker.length;
        if (held.length > limitBytes)
          throw new Error(`${JSON.stringify(marker)} not within ${limitBytes} bytes`);
        return this.#end === 'open' ? null : 0;
      },
      `bytes up to ${JSON.stringify(marker)}`,
    );
    return length === 0 ? null : this.#take(length);
  }

  /** At least one byte, at most `most`; null at the end of the connection. */
  async some(most = Number.POSITIVE_INFINITY): Promise<Buffer | null> {
    await this.#changes.until(() => this.#buffered > 0 || this.#end !== 'open', 'more bytes');
    return this.#buffered === 0 ? null : this.#take(Math.min(most, this.#chunks[0]!.length));
  }

  /** Everything to the end of the connection. */
  async rest(): Promise<Buffer> {
    await this.ended();
    return this.#take(this.#buffered);
  }

  /** Puts bytes back in front. */
  unread(data: Buffer): void {
    if (data.length === 0) return;
    this.#chunks.unshift(data);
    this.#buffered += data.length;
  }

  #take(length: number): Buffer {
    const taken: Buffer[] = [];
    let left = length;
    while (left > 0) {
      const chunk = this.#chunks[0]!;
      const piece = chunk.subarray(0, left);
      taken.push(piece);
      left -= piece.length;
      if (piece.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(piece.length);
    }
    this.#buffered -= length;
    return taken.length === 1 ? taken[0]! : Buffer.concat(taken);
  }
}
