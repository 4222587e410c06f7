/** Ways to cut a body into parts. */

/** Whole, byte by byte, and in two at every offset. */
export function splits(bytes: Buffer): Buffer[][] {
  const all: Buffer[][] = [[bytes], [...bytes].map(byte => Buffer.of(byte))];
  for (let at = 1; at < bytes.length; at++) all.push([bytes.subarray(0, at), bytes.subarray(at)]);
  return all;
}

/** At these points, each taken modulo the length. */
export function cut(bytes: Buffer, points: readonly number[]): Buffer[] {
  const sorted = [...new Set(points.map(point => point % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...sorted, bytes.length];
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i]!, edge));
}

/** In parts of this many bytes. */
export function pieces(bytes: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return parts;
}
