import fc from 'fast-check';
import t from 'tap';
import { spanOf } from '../../../lib/limits/budgets/span.ts';
import { BUDGET_SPANS } from '../../../lib/pipeline/index.ts';

const shown = (per: (typeof BUDGET_SPANS)[number], at: string): readonly (string | null)[] => {
  const { startMs, endMs } = spanOf(per, Date.parse(at));
  return [startMs, endMs].map(ms => (ms === null ? null : new Date(ms).toISOString().slice(0, 13)));
};

t.test('windows of UTC', async t => {
  t.strictSame(shown('hour', '2026-11-22T23:59:59.999Z'), ['2026-11-22T23', '2026-11-23T00']);
  t.strictSame(shown('day', '2026-12-31T12:00:00Z'), ['2026-12-31T00', '2027-01-01T00']);
  t.strictSame(shown('week', '2026-11-22T23:59:59Z'), ['2026-11-16T00', '2026-11-23T00'], 'a Sunday');
  t.strictSame(shown('week', '2026-11-23T00:00:00Z'), ['2026-11-23T00', '2026-11-30T00'], 'a Monday');
  t.strictSame(shown('month', '2028-02-29T10:00:00Z'), ['2028-02-01T00', '2028-03-01T00']);
  t.strictSame(shown('month', '2026-12-31T23:59:59Z'), ['2026-12-01T00', '2027-01-01T00']);
  t.strictSame(shown('lifetime', '2026-12-31T23:59:59Z'), ['1970-01-01T00', null]);
});

t.test('a moment lies in its window, and the next window begins where that ends', async t => {
  fc.assert(
    fc.property(
      fc.constantFrom(...BUDGET_SPANS),
      fc.integer({ min: 0, max: Date.UTC(2200, 0) }),
      (per, atMs) => {
        const { startMs, endMs } = spanOf(per, atMs);
        if (endMs === null) return startMs === 0;
        return startMs <= atMs && atMs < endMs && spanOf(per, endMs).startMs === endMs;
      },
    ),
  );
  t.pass();
});
