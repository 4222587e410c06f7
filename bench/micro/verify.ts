import { createPrivateKey, type KeyObject, sign, verify } from 'node:crypto';
import { parseArgs } from 'node:util';
import { systemClock } from '../../lib/base/index.ts';
import { importPublicKey } from '../../lib/keys/token/ed25519.ts';
import { KeyFault } from '../../lib/keys/token/key-fault.ts';
import { KeyVerifier, type VerifiedKey } from '../../lib/keys/token/key-verifier.ts';
import { newIssuer } from '../../lib/keys/token/mint.ts';
import { decodePublicKey, decodeSecretKey } from '../../lib/keys/token/paserk.ts';
import { joinPaseto, signedBytes } from '../../lib/keys/token/paseto.ts';

/*
 * What a virtual key costs: the first time, once remembered, forged, and not
 * even well-formed. `thread` is the CPU time of the thread that also relays;
 * the rest of `process` is spent on threads of the pool.
 */

const { values } = parseArgs({ options: { keys: { type: 'string', default: '4000' } } });
const KEYS = Number(values.keys);
const AT_A_TIME = 64;
const ROUNDS = 3;

type Verifier = KeyVerifier<VerifiedKey>;

interface Cost {
  readonly wallUs: number;
  readonly threadUs: number;
  readonly processUs: number;
}

interface Row {
  readonly name: string;
  readonly keys: readonly string[];
  /** What verifies each round: a fresh one, or one that has seen the keys. */
  readonly warm: boolean;
  readonly isGood: boolean;
}

const issuer = newIssuer();
const secret = decodeSecretKey(issuer.secretKey)!;
const jwk = { kty: 'OKP', crv: 'Ed25519', d: b64(secret.subarray(0, 32)), x: b64(secret.subarray(32)) };
const signer: KeyObject = createPrivateKey({ key: jwk, format: 'jwk' });
const footer = Buffer.from(JSON.stringify({ kid: issuer.id }));

function b64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function payloadOf(index: number): Buffer {
  const now = Date.now();
  const claims = {
    sub: `user-${index}`,
    jti: `key-${index}`,
    iat: new Date(now).toISOString(),
    exp: new Date(now + 86_400_000).toISOString(),
    weir: { providers: ['lab', 'spare'], models: ['gpt-*'], rpm: 600, tags: { team: 'search' } },
  };
  return Buffer.from(JSON.stringify(claims));
}

function keyOf(index: number, isForged: boolean): string {
  const message = payloadOf(index);
  const signature = sign(null, signedBytes(message, footer), signer);
  if (isForged) signature[8]! ^= 1;
  return `weir_${joinPaseto({ message, signature, footer })}`;
}

function freshVerifier(): Verifier {
  return new KeyVerifier<VerifiedKey>({
    issuers: [{ publicKey: issuer.publicKey, maxLifetimeMs: 90 * 86_400_000 }],
    prefixes: ['weir_'],
    audience: null,
    clock: systemClock,
    admit: key => key,
    checksPerSecond: Number.MAX_SAFE_INTEGER,
  });
}

async function verifyAll(verifier: Verifier, keys: readonly string[], isGood: boolean): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < keys.length) {
      const result = verifier.verify(keys[next++]!);
      const verdict = result instanceof Promise ? await result : result;
      if (verdict instanceof KeyFault === isGood) throw new Error('a wrong verdict');
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

async function costOf(count: number, run: () => Promise<void> | void): Promise<Cost> {
  const startMs = performance.now();
  const thread = process.threadCpuUsage();
  const whole = process.cpuUsage();
  await run();
  const wallMs = performance.now() - startMs;
  const threadUsed = process.threadCpuUsage(thread);
  const wholeUsed = process.cpuUsage(whole);
  return {
    wallUs: (wallMs * 1000) / count,
    threadUs: (threadUsed.user + threadUsed.system) / count,
    processUs: (wholeUsed.user + wholeUsed.system) / count,
  };
}

/** The round with the least CPU: the machine may be busy with something else, never less than idle. */
async function best(round: () => Promise<Cost>): Promise<Cost> {
  let least = await round();
  for (let i = 1; i < ROUNDS; i++) {
    const cost = await round();
    if (cost.processUs < least.processUs) least = cost;
  }
  return least;
}

function print(name: string, { wallUs, threadUs, processUs }: Cost): void {
  const cells = [wallUs, threadUs, processUs].map(us => us.toFixed(1).padStart(9));
  console.log(`${name.padEnd(34)}${cells.join('')}`);
}

const indexes = Array.from({ length: KEYS }, (_, index) => index);
const good = indexes.map(index => keyOf(index, false));
const forged = indexes.map(index => keyOf(index, true));
const rows: readonly Row[] = [
  { name: 'good, cold', keys: good, warm: false, isGood: true },
  { name: 'good, remembered', keys: good, warm: true, isGood: true },
  { name: 'forged, each another', keys: forged, warm: false, isGood: false },
  {
    name: 'forged, the same again and again',
    keys: indexes.map(() => forged[0]!),
    warm: true,
    isGood: false,
  },
  { name: 'another spelling (malformed)', keys: good.map(key => `${key}=`), warm: false, isGood: false },
];

console.log(
  `${'µs for a key'.padEnd(34)}${['wall', 'thread', 'process'].map(name => name.padStart(9)).join('')}`,
);
for (const { name, keys, warm, isGood } of rows) {
  const cost = await best(async () => {
    const verifier = freshVerifier();
    if (warm) await verifyAll(verifier, keys, isGood);
    return costOf(keys.length, () => verifyAll(verifier, keys, isGood));
  });
  print(name, cost);
}

const publicKey = importPublicKey(decodePublicKey(issuer.publicKey)!);
const message = signedBytes(payloadOf(0), footer);
const signature = sign(null, message, signer);
const bare = await best(() =>
  costOf(KEYS, () => {
    for (let i = 0; i < KEYS; i++) verify(null, message, publicKey, signature);
  }),
);
print('for comparison: Ed25519 alone', bare);
