/** Bytes that look random and are the same every time: xorshift32 from a seed. */
export function sampleBytes(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed | 0) === 0 ? 0x9e3779b9 : seed | 0;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

/** `data` in consecutive pieces whose sizes cycle through `sizes`. */
export function pieces(data: Buffer, sizes: readonly number[]): Buffer[] {
  const cut: Buffer[] = [];
  for (let at = 0, i = 0; at < data.length; i++) {
    const size = sizes[i % sizes.length]!;
    cut.push(data.subarray(at, at + size));
    at += size;
  }
  return cut;
}
