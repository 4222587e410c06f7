const FIRST_BYTES = 4096;

/**
 * Collects the pieces of a body into one Buffer. Pieces are copied, so that a
 * body that comes byte by byte costs its bytes and not a slice of a socket's
 * buffer for each; a body of one piece is that piece.
 */
export class ByteCollector {
  #buffer: Buffer | null = null;
  #isCopy = false;
  #bytes = 0;

  get length(): number {
    return this.#bytes;
  }

  push(piece: Buffer): void {
    if (this.#buffer === null) {
      this.#buffer = piece;
      this.#bytes = piece.length;
      return;
    }
    const bytes = this.#bytes + piece.length;
    if (!this.#isCopy || bytes > this.#buffer.length) this.#grow(bytes);
    piece.copy(this.#buffer, this.#bytes);
    this.#bytes = bytes;
  }

  /** What came so far; valid until the next `push`. */
  collected(): Buffer {
    return this.#buffer === null ? Buffer.alloc(0) : this.#buffer.subarray(0, this.#bytes);
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 ** Math.ceil(Math.log2(bytes))));
    this.#buffer!.copy(grown, 0, 0, this.#bytes);
    this.#buffer = grown;
    this.#isCopy = true;
  }
}
