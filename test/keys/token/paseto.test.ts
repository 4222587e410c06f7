import fc from 'fast-check';
import t from 'tap';
import nacl from 'tweetnacl';
import { importPublicKey, verifySignature } from '../../../lib/keys/token/ed25519.ts';
import { joinPaseto, preAuthEncode, signedBytes, splitPaseto } from '../../../lib/keys/token/paseto.ts';
import { vectors } from './signer.ts';

interface Vector {
  readonly name: string;
  readonly 'expect-fail': boolean;
  readonly 'public-key'?: string;
  readonly 'secret-key'?: string;
  readonly token: string;
  readonly payload: string | null;
  readonly footer: string;
  readonly 'implicit-assertion': string;
}

const { tests } = vectors<{ readonly tests: readonly Vector[] }>('paseto/v4.json');
const anyKey = tests.find(({ 'public-key': key }) => key !== undefined)!['public-key']!;

function signedOver(message: Uint8Array, footer: Uint8Array, implicit: string): Uint8Array {
  return preAuthEncode([Buffer.from('v4.public.'), message, footer, Buffer.from(implicit)]);
}

t.test('the official v4.public vectors verify, and signing makes the same tokens', async t => {
  const good = tests.filter(test => !test['expect-fail'] && test['public-key'] !== undefined);
  t.equal(good.length, 3);
  for (const { name, token, payload, footer, ...rest } of good) {
    const parts = splitPaseto(token)!;
    t.equal(Buffer.from(parts.message).toString(), payload, name);
    t.equal(Buffer.from(parts.footer).toString(), footer, `${name}, footer`);
    const signed = signedOver(parts.message, parts.footer, rest['implicit-assertion']);
    if (rest['implicit-assertion'] === '')
      t.strictSame(Buffer.from(signedBytes(parts.message, parts.footer)), Buffer.from(signed));
    const key = importPublicKey(Buffer.from(rest['public-key']!, 'hex'));
    t.equal(await verifySignature(signed, key, parts.signature), true, `${name}, signature`);

    const secret = Buffer.from(rest['secret-key']!, 'hex');
    const message = Buffer.from(payload!);
    const signature = nacl.sign.detached(
      signedOver(message, Buffer.from(footer), rest['implicit-assertion']),
      secret,
    );
    t.equal(joinPaseto({ message, signature, footer: Buffer.from(footer) }), token, `${name}, signed`);
  }
});

t.test('every other official v4 vector is no token that verifies', async t => {
  const bad = tests.filter(test => test['expect-fail'] || test['public-key'] === undefined);
  t.ok(bad.length >= 10);
  t.ok(
    bad.some(({ token }) => token.startsWith('v4.public.')),
    'one of them is of our purpose',
  );
  for (const { name, token, ...rest } of bad) {
    const parts = splitPaseto(token);
    if (parts === null) continue;
    const signed = signedOver(parts.message, parts.footer, rest['implicit-assertion']);
    const key = importPublicKey(Buffer.from(rest['public-key'] ?? anyKey, 'hex'));
    t.equal(await verifySignature(signed, key, parts.signature), false, name);
  }
  const ofOtherKind = bad.filter(({ token }) => !token.startsWith('v4.public.'));
  for (const { name, token } of ofOtherKind) t.equal(splitPaseto(token), null, name);
});

t.test('PAE as the specification writes it out', async t => {
  const hex = (pieces: readonly string[]): string =>
    Buffer.from(preAuthEncode(pieces.map(piece => Buffer.from(piece)))).toString('hex');
  t.equal(hex([]), '0000000000000000');
  t.equal(hex(['']), '01000000000000000000000000000000');
  t.equal(hex(['test']), '0100000000000000040000000000000074657374');
});

t.test('no two lists of pieces have one PAE', async t => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 9, max: 2 }), { maxLength: 4 });
  const text = (list: readonly Uint8Array[]): string => list.map(piece => piece.join()).join('|');
  fc.assert(
    fc.property(pieces, pieces, (a, b) => {
      const isSame = Buffer.from(preAuthEncode(a)).equals(Buffer.from(preAuthEncode(b)));
      return isSame === (a.length === b.length && text(a) === text(b));
    }),
    { numRuns: 1000 },
  );
  t.pass();
});

t.test('a token comes apart as it was put together', async t => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  fc.assert(
    fc.property(
      bytes,
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      bytes,
      (message, signature, footer) => {
        const parts = splitPaseto(joinPaseto({ message, signature, footer }))!;
        return (
          Buffer.from(message).equals(parts.message) &&
          Buffer.from(signature).equals(parts.signature) &&
          Buffer.from(footer).equals(parts.footer)
        );
      },
    ),
  );
  t.equal(splitPaseto(`v4.public.${'A'.repeat(84)}`), null, '63 bytes hold no signature');
  t.equal(splitPaseto(`v4.public.${'A'.repeat(86)}.`), null, 'an empty footer is not written');
  t.equal(splitPaseto(`v4.public.${'A'.repeat(86)}.AA.AA`), null, 'four parts are the most');
  t.ok(splitPaseto(`v4.public.${'A'.repeat(86)}.AA`));
  for (const header of ['v3.public.', 'V4.public.', 'v4.Public.', ' v4.public'])
    t.equal(splitPaseto(`${header}${'A'.repeat(86)}.AA`), null, header);
});
