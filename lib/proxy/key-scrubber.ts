import { type BodyFilter, NOTHING } from './body-filter.ts';

/** An error longer than this is relayed as it is from here on (CONTRACT §2). */
const SCRUBBED_BYTES = 64 * 1024;
const FILLER = '*';

/**
 * Blots out the pool key where a provider repeats it in an error. The filler is
 * as long as what it covers, so lengths stay true. Only a beginning of the key
 * at the end of a read is held until its continuation is known.
 */
export class KeyScrubber implements BodyFilter {
  readonly #forms: readonly Buffer[];
  #held: Buffer | null = null;
  #seenBytes = 0;

  /** @param forms every spelling of what must not be seen; none is empty. */
  constructor(forms: readonly string[]) {
    this.#forms = forms.map(form => Buffer.from(form));
  }

  push(chunk: Buffer): readonly Buffer[] {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    if (this.#seenBytes > SCRUBBED_BYTES) return [bytes];
    this.#seenBytes += chunk.length;
    const clean = this.#forms.reduce(blot, bytes);
    const heldBytes = Math.max(0, ...this.#forms.map(form => beginningAtEnd(clean, form)));
    if (heldBytes === 0) return [clean];
    this.#held = clean.subarray(clean.length - heldBytes);
    return heldBytes === clean.length ? NOTHING : [clean.subarray(0, clean.length - heldBytes)];
  }

  end(): readonly Buffer[] {
    const held = this.#held;
    this.#held = null;
    return held === null ? NOTHING : [held];
  }
}

function blot(bytes: Buffer, form: Buffer): Buffer {
  let at = bytes.indexOf(form);
  if (at === -1) return bytes;
  const clean = Buffer.from(bytes);
  for (; at !== -1; at = bytes.indexOf(form, at + form.length)) clean.fill(FILLER, at, at + form.length);
  return clean;
}

/** How many bytes at the end of `bytes` could be the beginning of a form. */
function beginningAtEnd(bytes: Buffer, form: Buffer): number {
  const most = Math.min(form.length - 1, bytes.length);
  for (let length = most; length > 0; length--) {
    if (bytes.compare(form, 0, length, bytes.length - length) === 0) return length;
  }
  return 0;
}
