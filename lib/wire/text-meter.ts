/** Marks what encoded data is made of (RFC 4648, both alphabets). */
const DENSE = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-')
  DENSE[char.charCodeAt(0)] = 1;

/** A longer run without a space or a stop is no language: an image, a file, a signature. */
const WORD_BYTES_MAX = 256;

/** Counts the bytes of a body that may be text, in any split: all but long runs of encoded data. */
export class TextMeter {
  #bytes = 0;
  #run = 0;

  write(chunk: Buffer): void {
    let bytes = this.#bytes;
    let run = this.#run;
    for (let i = 0; i < chunk.length; i++) {
      if (DENSE[chunk[i]!] === 1) run++;
      else {
        bytes += run > WORD_BYTES_MAX ? 1 : run + 1;
        run = 0;
      }
    }
    this.#bytes = bytes;
    this.#run = run;
  }

  get bytes(): number {
    return this.#run > WORD_BYTES_MAX ? this.#bytes : this.#bytes + this.#run;
  }
}
