import { decodePublicKey } from './paserk.ts';

/** The field of Curve25519 (RFC 8032 §5.1). */
const P = 2n ** 255n - 19n;
/** d of the curve −x² + y² = 1 + d·x²·y². */
const D = mod(-121665n * inverse(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/**
 * Judges an issuer's public key before it is trusted: what is wrong with it, or
 * null. A key that is no point, or one of the eight of small order, has no
 * secret behind it: under some of them anybody can sign. One that is not
 * spelled canonically would be the same key under another id.
 */
export function checkPublicKey(paserk: string): string | null {
  const key = decodePublicKey(paserk);
  if (key === null) return 'is not a public key in the form k4.public.… (43 characters of base64url)';
  const isNegative = key[31]! >> 7 === 1;
  const y = [...key].reduceRight((sum, byte, i) => (sum << 8n) | BigInt(i === 31 ? byte & 127 : byte), 0n);
  if (y >= P) return 'is not spelled canonically: its coordinate is not below 2^255 − 19';
  const point = pointAt(y);
  if (point === null) return 'is not a point of the curve';
  if (point.x === 0n && isNegative) return 'is not spelled canonically: it has a sign that zero has not';
  return hasSmallOrder(point) ? 'is a point of small order: anybody could sign with it' : null;
}

/** One of the two points of this height; they differ in sign alone, and so have the same order. RFC 8032 §5.1.3. */
function pointAt(y: bigint): Point | null {
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  const square = mod(u * inverse(v));
  const candidate = power(square, (P + 3n) / 8n);
  for (const x of [candidate, mod(candidate * ROOT_OF_MINUS_ONE)]) if (mod(x * x) === square) return { x, y };
  return null;
}

/** Whether eight times the point is the neutral one. */
function hasSmallOrder(point: Point): boolean {
  let { x, y } = point;
  for (let doublings = 0; doublings < 3; doublings++) {
    const product = mod(D * x * x * y * y);
    [x, y] = [mod(2n * x * y * inverse(1n + product)), mod((y * y + x * x) * inverse(1n - product))];
  }
  return x === 0n && y === 1n;
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function inverse(value: bigint): bigint {
  return power(value, P - 2n);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = mod(base);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}
