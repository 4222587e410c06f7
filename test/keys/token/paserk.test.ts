import t from 'tap';
import {
  decodePublicKey,
  decodeSecretKey,
  encodePublicKey,
  encodeSecretKey,
  isPublicKeyId,
} from '../../../lib/keys/token/paserk.ts';
import { publicKeyId } from '../../../lib/keys/token/public-key-id.ts';
import { vectors } from './signer.ts';

interface Vectors {
  readonly tests: readonly {
    readonly name: string;
    readonly 'expect-fail': boolean;
    readonly key: string;
    readonly paserk: string | null;
  }[];
}

const FORMS = [
  { name: 'k4.public', encode: encodePublicKey, decode: decodePublicKey, count: 4 },
  { name: 'k4.secret', encode: encodeSecretKey, decode: decodeSecretKey, count: 5 },
  { name: 'k4.pid', encode: publicKeyId, decode: null, count: 5 },
];

for (const { name, encode, decode, count } of FORMS) {
  t.test(`the official ${name} vectors`, async t => {
    const { tests } = vectors<Vectors>(`paserk/${name}.json`);
    t.equal(tests.length, count);
    for (const { name, key, paserk, 'expect-fail': fails } of tests) {
      const bytes = Buffer.from(key, 'hex');
      t.equal(encode(bytes), fails ? null : paserk, name);
      if (fails || decode === null) continue;
      t.equal(Buffer.from(decode(paserk!)!).toString('hex'), key, `${name}, read`);
    }
  });
}

t.test('an id is told from what only looks like one', async t => {
  for (const { paserk } of vectors<Vectors>('paserk/k4.pid.json').tests) {
    if (paserk === null) continue;
    t.ok(isPublicKeyId(paserk));
    t.notOk(isPublicKeyId(paserk.slice(0, -1)));
    t.notOk(isPublicKeyId(`${paserk}A`));
    t.notOk(isPublicKeyId(paserk.replace('k4.pid.', 'k4.sid.')));
    t.notOk(isPublicKeyId(`${paserk.slice(0, -2)}+/`));
  }
});

t.test('a key has one spelling', async t => {
  const zero = 'k4.public.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  t.ok(decodePublicKey(zero));
  const wrong = [
    '',
    'k4.public.',
    zero.slice(0, -1),
    `${zero}A`,
    `${zero}=`,
    `${zero.slice(0, -1)}B`,
    ` ${zero}`,
    `${zero}\n`,
    zero.replace('k4', 'K4'),
    zero.replace('k4', 'k3'),
    zero.replace('public', 'secret'),
    zero.replace('AA', '+A'),
  ];
  for (const text of wrong) {
    t.equal(decodePublicKey(text), null, JSON.stringify(text));
    t.equal(decodeSecretKey(text), null, JSON.stringify(text));
  }
});
