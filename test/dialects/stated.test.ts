import fc from 'fast-check';
import t from 'tap';
import {
  scaledInteger,
  statedCount,
  statedSeconds,
  statedUsd,
  statedWord,
  sumStated,
} from '../../lib/dialects/stated.ts';
import { Usage } from '../../lib/pipeline/index.ts';

t.test('a count is a non-negative integer up to 2^40, however it is written', t => {
  for (const [text, count] of [
    ['0', 0],
    ['-0', 0],
    ['17', 17],
    ['12.0', 12],
    ['1e3', 1000],
    ['1099511627776', 2 ** 40],
  ] as const) {
    const usage = new Usage();
    const read = statedCount(JSON.parse(text), usage);
    t.ok(Object.is(read, count), text);
    t.equal(usage.invalid, false);
    t.equal(usage.stated, true);
  }
  t.end();
});

t.test('anything else drops the number and marks the usage', t => {
  for (const value of [-1, 0.5, 12.25, 2 ** 40 + 1, Number.POSITIVE_INFINITY, '12', '', true, [], {}]) {
    const usage = new Usage();
    t.equal(statedCount(value, usage), null, String(value));
    t.equal(usage.invalid, true);
    t.equal(usage.stated, false);
  }
  t.end();
});

t.test('absent and null are no number and no fault', t => {
  for (const value of [undefined, null]) {
    const usage = new Usage();
    t.equal(statedCount(value, usage), null);
    t.equal(statedUsd(value, usage), null);
    t.equal(statedSeconds(value, usage), null);
    t.equal(usage.invalid, false);
    t.equal(usage.stated, false);
  }
  t.end();
});

t.test('any JSON value is either that integer or a marked fault', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      const usage = new Usage();
      const count = statedCount(value, usage);
      if (value === null) return count === null && !usage.invalid;
      if (count === null) return usage.invalid && !usage.stated;
      return count === value && usage.stated && !usage.invalid;
    }),
  );
});

t.test('prices are exact to the nano', t => {
  for (const [usd, nanos] of [
    [7.159e-5, 71590],
    [1.4e-7, 140],
    [1.2e-8, 12],
    [0.1 + 0.2, 300000000],
    [0, 0],
    [3, 3_000_000_000],
    [0.03388125, 33881250],
    [1e-10, 0],
    [5e-10, 1],
    [1.5e-9, 2],
  ] as const) {
    t.equal(statedUsd(usd, new Usage()), nanos, String(usd));
  }
  t.end();
});

t.test('every price of at most 15 digits comes back as written', async () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 999_999_999_999_999 }),
      nanos => scaledInteger(Number(`${nanos}e-9`), 9) === nanos,
    ),
  );
});

t.test('rounding is half up, whatever the sign of the power', async () => {
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 12 }), ticks => {
      const exact = (BigInt(ticks) + 5n) / 10n;
      return scaledInteger(ticks, -1) === Number(exact);
    }),
  );
});

t.test('a price that is none', t => {
  for (const value of [-0.01, 1e300, '0.1', true, 2e6]) {
    const usage = new Usage();
    t.equal(statedUsd(value, usage), null, String(value));
    t.equal(usage.invalid, true);
  }
  const usage = new Usage();
  t.equal(statedUsd({ total: 1 }, usage), null, 'an object of details is another way to say it');
  t.equal(usage.invalid, false);
  t.equal(scaledInteger(Number.NaN, 9), null);
  t.equal(scaledInteger(-1, 9), null);
  t.end();
});

t.test('seconds are kept in milliseconds', t => {
  t.equal(statedSeconds(2, new Usage()), 2000);
  t.equal(statedSeconds(2.0345, new Usage()), 2035);
  t.end();
});

t.test('a word is short and not empty', t => {
  t.equal(statedWord('stop'), 'stop');
  t.equal(statedWord(''), null);
  t.equal(statedWord(7), null);
  t.equal(statedWord(undefined), null);
  t.equal(statedWord('x'.repeat(512)), 'x'.repeat(512));
  t.equal(statedWord('x'.repeat(513)), null, 'content is never a word');
  t.end();
});

t.test('a sum of the known', t => {
  t.equal(sumStated(null, null), null);
  t.equal(sumStated(1, null), 1);
  t.equal(sumStated(null, 2), 2);
  t.equal(sumStated(1, 2), 3);
  t.end();
});
