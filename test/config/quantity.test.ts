import fc from 'fast-check';
import t from 'tap';
import { formatQuantity, parseQuantity, respellQuantity } from '../../lib/config/quantity.ts';

t.test('sizes', async t => {
  const cases: [unknown, number | null][] = [
    [0, 0],
    [4096, 4096],
    ['0B', 0],
    ['512B', 512],
    ['1KiB', 1024],
    ['32MiB', 33_554_432],
    ['1GiB', 1_073_741_824],
    ['2TiB', 2_199_023_255_552],
    ['1kB', 1000],
    ['1KB', 1000],
    ['10MB', 10_000_000],
    ['3GB', 3_000_000_000],
    ['1TB', 1_000_000_000_000],
    ['1.5MiB', 1_572_864],
    ['0.1kB', 100],
    ['64 KiB', 65_536],
    ['0.1B', null],
    ['0.3KiB', null],
    ['32', null],
    ['MiB', null],
    ['-1KiB', null],
    ['1e3B', null],
    ['1kb', null],
    ['1M', null],
    ['1KiB ', null],
    ['1  KiB', null],
    ['999999999TiB', null],
    [-1, null],
    [1.5, null],
    [Number.POSITIVE_INFINITY, null],
    [2 ** 53, null],
    [true, null],
    [null, null],
    [['1KiB'], null],
  ];
  for (const [value, expected] of cases)
    t.equal(parseQuantity('bytes', value), expected, JSON.stringify(value));
});

t.test('durations', async t => {
  const cases: [unknown, number | null][] = [
    [250, 250],
    ['0s', 0],
    ['500ms', 500],
    ['1s', 1000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['90d', 7_776_000_000],
    ['0.5ms', null],
    ['1S', null],
    ['1min', null],
    ['1KiB', null],
    ['1m30s', null],
    ['', null],
  ];
  for (const [value, expected] of cases)
    t.equal(parseQuantity('duration', value), expected, JSON.stringify(value));
});

t.test('a unit in the wrong case is recognised', async t => {
  t.equal(respellQuantity('bytes', '32mib'), '32MiB');
  t.equal(respellQuantity('bytes', '5mb'), '5MB');
  t.equal(respellQuantity('duration', '5MS'), '5ms');
  t.equal(respellQuantity('duration', '5M'), '5m');
  t.equal(respellQuantity('bytes', '32mx'), null);
  t.equal(respellQuantity('bytes', 32), null);
});

t.test('what is printed reads back', async t => {
  for (const kind of ['duration', 'bytes'] as const) {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e15 - 1 }), amount => {
        const text = formatQuantity(kind, amount).replace(/ bytes$/, 'B');
        return parseQuantity(kind, text) === amount;
      }),
    );
  }
  t.equal(formatQuantity('bytes', 33_554_432), '32MiB');
  t.equal(formatQuantity('bytes', 1000), '1000 bytes');
  t.equal(formatQuantity('duration', 90_000), '90s');
  t.equal(formatQuantity('duration', 0), '0ms');
});
