import t from 'tap';
import { importPublicKey, verifySignature } from '../../../lib/keys/token/ed25519.ts';
import { decodePublicKey } from '../../../lib/keys/token/paserk.ts';
import { Signer, vectors } from './signer.ts';

/** Order of the base point (RFC 8032 §5.1). */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

interface Wycheproof {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid';
    }[];
  }[];
}

t.test('every Wycheproof verdict', async t => {
  const { numberOfTests, testGroups } = vectors<Wycheproof>('wycheproof/ed25519_test.json');
  let judged = 0;
  for (const { publicKey, tests } of testGroups) {
    const key = importPublicKey(Buffer.from(publicKey.pk, 'hex'));
    for (const { tcId, comment, msg, sig, result } of tests) {
      const isGood = await verifySignature(Buffer.from(msg, 'hex'), key, Buffer.from(sig, 'hex'));
      t.equal(isGood, result === 'valid', `${tcId} ${comment}`);
      judged++;
    }
  }
  t.equal(judged, numberOfTests);
  t.ok(judged > 100);
});

function withScalar(signature: Buffer, change: (s: bigint) => bigint): Buffer {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`);
  const changed = Buffer.from(change(s).toString(16).padStart(64, '0'), 'hex').reverse();
  return Buffer.concat([signature.subarray(0, 32), changed]);
}

t.test('a signature has one form: no multiple of the order on top, no other length', async t => {
  const signer = new Signer();
  const key = importPublicKey(decodePublicKey(signer.publicKey)!);
  const message = Buffer.from('message');
  const signature = signer.sign(message);
  t.equal(await verifySignature(message, key, signature), true);
  const wrong: [string, Buffer][] = [
    ['S+L', withScalar(signature, s => s + L)],
    ['S+2L', withScalar(signature, s => s + 2n * L)],
    ['S+2^253', withScalar(signature, s => s + 2n ** 253n)],
    ['S=0', withScalar(signature, () => 0n)],
    ...[0, 63, 65, 128].map((length): [string, Buffer] => {
      const bytes = Buffer.alloc(length);
      signature.copy(bytes);
      return [`${length} bytes`, bytes];
    }),
  ];
  for (const [name, bytes] of wrong) t.equal(await verifySignature(message, key, bytes), false, name);
});
