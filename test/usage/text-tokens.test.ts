import fc from 'fast-check';
import t from 'tap';
import { textTokens } from '../../lib/usage/text-tokens.ts';
import { TextMeter } from '../../lib/wire/index.ts';

t.test('words, numbers, signs and other scripts', async t => {
  const cases: readonly [string, number][] = [
    ['', 0],
    [' \n\t', 0],
    ['a', 1],
    ['hello world', 2],
    ['incomprehensibilities', 3],
    ['1234567', 3],
    ['a1', 2],
    ['{}', 1.2],
    ['日本語', 2.1],
    ['😀', 0.7],
  ];
  for (const [text, tokens] of cases) t.ok(Math.abs(textTokens(text) - tokens) < 1e-9, text);
});

t.test('more text is never fewer tokens, nor more tokens than characters', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const [one, both] = [textTokens(a), textTokens(a + b)];
      return both >= one - 1e-9 && one <= a.length + 1e-9;
    }),
  );
  t.pass('for any two texts');
});

t.test('a meter counts the same in any split, and leaves encoded data out', async t => {
  const data = 'QUJD'.repeat(1000);
  const body = Buffer.from(`{"text":"so it goes","image":"${data}","more":"日本"}`);
  const meter = new TextMeter();
  meter.write(body);
  t.equal(meter.bytes, body.length - data.length);
  fc.assert(
    fc.property(fc.array(fc.nat(body.length), { maxLength: 20 }), cuts => {
      const split = new TextMeter();
      const at = [0, ...cuts.toSorted((a, b) => a - b), body.length];
      for (let i = 1; i < at.length; i++) split.write(body.subarray(at[i - 1], at[i]));
      return split.bytes === meter.bytes;
    }),
  );
  const tail = new TextMeter();
  tail.write(Buffer.from('word'));
  t.equal(tail.bytes, 4, 'a word that ends the body');
});
