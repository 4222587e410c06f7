import fc from 'fast-check';
import t from 'tap';
import { decodeBase64url, encodeBase64url } from '../../../lib/keys/token/base64url.ts';

t.test('writes what every other writer writes, and reads it back', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const text = encodeBase64url(bytes);
      if (text !== Buffer.from(bytes).toString('base64url')) return false;
      return Buffer.from(bytes).equals(decodeBase64url(text)!);
    }),
  );
  t.pass();
});

t.test('reads nothing but that one spelling', async t => {
  const character = fc.constantFrom(...'ABcdz019-_+/= .\n\t!~é\0\u0141');
  const text = fc.array(character, { maxLength: 12 }).map(list => list.join(''));
  fc.assert(
    fc.property(text, text => {
      const bytes = decodeBase64url(text);
      const canonical = Buffer.from(text, 'base64url').toString('base64url') === text;
      return canonical ? bytes !== null && encodeBase64url(bytes) === text : bytes === null;
    }),
    { numRuns: 2000 },
  );
  t.equal(decodeBase64url('AA')?.length, 1);
  for (const last of 'BCDEFGHIJKLMNOP') t.equal(decodeBase64url(`A${last}`), null, `A${last}`);
});
