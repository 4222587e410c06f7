import type { Fields } from './head.ts';
import { formatFields, parseHead } from './head.ts';
import { WireFault } from './wire-fault.ts';

type Part = 'size' | 'data' | 'dataEnd' | 'trailer' | 'ended';

const SIZE_LINE = /^([0-9A-Fa-f]{1,12})(;.*)?$/s;
const MAX_LINE_BYTES = 64 * 1024;

/** Undoes transfer-chunking, strictly (RFC 9112 §7.1): what it lets pass is well formed. */
export class ChunkedDecoder {
  /** Sizes of the chunks so far, the last chunk not among them. */
  readonly sizes: number[] = [];
  /** Chunk extensions that were sent, with their `;`. */
  readonly extensions: string[] = [];
  trailers: Fields = [];
  readonly #data: (piece: Buffer) => void;
  #part: Part = 'size';
  #line = '';
  #left = 0;

  constructor(data: (piece: Buffer) => void) {
    this.#data = data;
  }

  get ended(): boolean {
    return this.#part === 'ended';
  }

  /** Takes bytes and gives back those behind the end of the body. Throws WireFault on bad framing. */
  push(input: Buffer): Buffer {
    let at = 0;
    while (at < input.length && this.#part !== 'ended') {
      if (this.#part === 'data') {
        const piece = input.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        if (this.#left === 0) this.#part = 'dataEnd';
        this.#data(piece);
      } else {
        at = this.#takeLine(input, at);
      }
    }
    return input.subarray(at);
  }

  /** Takes bytes up to a CRLF and acts on the line when it is whole. */
  #takeLine(input: Buffer, at: number): number {
    const newline = input.indexOf(0x0a, at);
    const end = newline === -1 ? input.length : newline + 1;
    this.#line += input.toString('latin1', at, end);
    if (this.#line.length > MAX_LINE_BYTES) throw new WireFault('chunk line too long');
    if (newline === -1) return end;
    if (this.#part === 'trailer') {
      if (this.#line.endsWith('\r\n\r\n') || this.#line === '\r\n') this.#endTrailers();
      return end;
    }
    if (!this.#line.endsWith('\r\n'))
      throw new WireFault(`chunk line ends in a bare LF: ${JSON.stringify(this.#line)}`);
    const line = this.#line.slice(0, -2);
    this.#line = '';
    if (this.#part === 'dataEnd') {
      if (line !== '') throw new WireFault(`chunk data runs over its size: ${JSON.stringify(line)}`);
      this.#part = 'size';
    } else {
      this.#startChunk(line);
    }
    return end;
  }

  #startChunk(line: string): void {
    const match = SIZE_LINE.exec(line);
    if (match === null) throw new WireFault(`bad chunk size ${JSON.stringify(line)}`);
    if (match[2] !== undefined) this.extensions.push(match[2]);
    this.#left = Number.parseInt(match[1]!, 16);
    if (this.#left === 0) {
      this.#part = 'trailer';
    } else {
      this.sizes.push(this.#left);
      this.#part = 'data';
    }
  }

  #endTrailers(): void {
    if (this.#line !== '\r\n') this.trailers = parseHead(Buffer.from(`\r\n${this.#line}`, 'latin1')).fields;
    this.#line = '';
    this.#part = 'ended';
  }
}

/** One chunk with its size line. Not for empty data: that would be the last chunk. */
export function chunkFrame(data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);
}

/** The last chunk with its trailers. */
export function lastChunk(trailers: Fields = []): Buffer {
  return Buffer.from(`0\r\n${formatFields(trailers)}\r\n`, 'latin1');
}
