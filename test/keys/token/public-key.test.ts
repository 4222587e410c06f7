import t from 'tap';
import { importPublicKey, verifySignature } from '../../../lib/keys/token/ed25519.ts';
import { newIssuer } from '../../../lib/keys/token/mint.ts';
import { decodePublicKey, encodePublicKey } from '../../../lib/keys/token/paserk.ts';
import { signedBytes } from '../../../lib/keys/token/paseto.ts';
import { checkPublicKey } from '../../../lib/keys/token/public-key.ts';
import { publicKeyId } from '../../../lib/keys/token/public-key-id.ts';
import { vectors } from './signer.ts';

const P = 2n ** 255n - 19n;
const ORDER_8_Y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;

/** A coordinate and a sign as a key, whatever they are. */
function keyOf(y: bigint, sign: 0 | 1): Buffer {
  const bytes = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse();
  bytes[31]! |= sign << 7;
  return bytes;
}

function judge(key: Buffer): string | null {
  return checkPublicKey(encodePublicKey(key)!);
}

t.test('the eight points of small order are refused', async t => {
  const square = ORDER_8_Y ** 2n;
  // Twice a point of order 8 lies at y = 0: with the curve's equation, d·y⁴ + 2y² = 1, and d = −121665/121666.
  t.equal((-121665n * square ** 2n + 121666n * (2n * square - 1n)) % P, 0n, 'it is the height meant');
  const points: [string, Buffer][] = [
    ['identity', keyOf(1n, 0)],
    ['order 2', keyOf(P - 1n, 0)],
    ['order 4', keyOf(0n, 0)],
    ['order 4, negative', keyOf(0n, 1)],
    ['order 8', keyOf(ORDER_8_Y, 0)],
    ['order 8, negative', keyOf(ORDER_8_Y, 1)],
    ['order 8, below', keyOf(P - ORDER_8_Y, 0)],
    ['order 8, below, negative', keyOf(P - ORDER_8_Y, 1)],
  ];
  for (const [name, key] of points) t.match(judge(key), /small order/, name);
  t.equal(keyOf(ORDER_8_Y, 1).toString('hex').slice(0, 8), 'c7176a70');
  t.equal(
    keyOf(P - ORDER_8_Y, 0)
      .toString('hex')
      .slice(0, 8),
    '26e8958f',
  );
});

t.test('other spellings of them and of any point are refused', async t => {
  for (const y of [P, P + 1n, P + 2n, 2n ** 255n - 1n]) {
    for (const sign of [0, 1] as const) t.match(judge(keyOf(y, sign)), /not below 2\^255/, `${y - P}`);
  }
  t.match(judge(keyOf(1n, 1)), /sign that zero has not/);
  t.match(judge(keyOf(P - 1n, 1)), /sign that zero has not/);
});

t.test('heights at which there is no point are refused', async t => {
  let refused = 0;
  for (let y = 2n; y < 40n; y++) {
    const problem = judge(keyOf(y, 0));
    t.equal(judge(keyOf(y, 1)), problem, 'the sign changes nothing');
    if (problem === null) continue;
    t.equal(problem, 'is not a point of the curve');
    refused++;
  }
  t.ok(refused > 5 && refused < 33, `${refused} of 38`);
});

t.test('a text that is no PASERK is refused with what it should look like', async t => {
  const { publicKey, secretKey } = newIssuer();
  for (const text of ['', publicKey.slice(0, -1), `${publicKey}=`, secretKey, publicKey.toUpperCase()])
    t.match(checkPublicKey(text), /in the form k4\.public/, text.slice(0, 10));
});

t.test('honest keys pass', async t => {
  for (let i = 0; i < 20; i++) t.equal(checkPublicKey(newIssuer().publicKey), null);
  interface Keys {
    readonly testGroups: readonly { readonly publicKey: { readonly pk: string } }[];
  }
  for (const { publicKey } of vectors<Keys>('wycheproof/ed25519_test.json').testGroups)
    t.equal(judge(Buffer.from(publicKey.pk, 'hex')), null, publicKey.pk);
});

t.test('what anybody can forge under the identity does not verify either', async t => {
  const identity = keyOf(1n, 0);
  // R is the base point and S is 1: the equation S·B = R + k·A then holds for every message.
  const forged = Buffer.concat([Buffer.from(`58${'66'.repeat(31)}`, 'hex'), keyOf(1n, 0)]);
  const footer = Buffer.from(JSON.stringify({ kid: publicKeyId(identity) }));
  const message = Buffer.from('{"sub":"root"}');
  t.equal(await verifySignature(signedBytes(message, footer), importPublicKey(identity), forged), false);
  t.ok(
    decodePublicKey(encodePublicKey(identity)!),
    'it is spelled well: only the check at trust time sees it',
  );
  t.match(judge(identity), /anybody could sign/);
});
