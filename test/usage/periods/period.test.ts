import t from 'tap';
import { lastPeriodBefore, PERIOD_LENGTHS, periodOf } from '../../../lib/usage/periods/period.ts';

const at = (text: string): number => Date.parse(text);

t.test('a week begins on Monday and is named as ISO 8601 names it', async t => {
  // The examples of the standard's own table of year ends.
  for (const [day, name] of [
    ['2026-11-16', '2026-W47'],
    ['2026-11-22', '2026-W47'],
    ['2026-11-23', '2026-W48'],
    ['2005-01-01', '2004-W53'],
    ['2005-01-02', '2004-W53'],
    ['2005-12-31', '2005-W52'],
    ['2006-01-01', '2005-W52'],
    ['2006-01-02', '2006-W01'],
    ['2006-12-31', '2006-W52'],
    ['2007-01-01', '2007-W01'],
    ['2007-12-30', '2007-W52'],
    ['2007-12-31', '2008-W01'],
    ['2008-12-28', '2008-W52'],
    ['2008-12-29', '2009-W01'],
    ['2009-12-31', '2009-W53'],
    ['2010-01-03', '2009-W53'],
    ['2010-01-04', '2010-W01'],
  ] as const)
    t.equal(periodOf('week', at(`${day}T12:00:00Z`)).name, name, day);
});

t.test('periods leave no gap and do not overlap', async t => {
  for (const length of PERIOD_LENGTHS) {
    const names = new Set<string>();
    let period = periodOf(length, at('2023-12-20T00:00:00Z'));
    while (period.untilMs < at('2029-01-10T00:00:00Z')) {
      t.notOk(names.has(period.name), period.name);
      names.add(period.name);
      const next = periodOf(length, period.untilMs);
      if (next.sinceMs !== period.untilMs) t.fail(`${next.name} does not begin where ${period.name} ends`);
      if (periodOf(length, period.untilMs - 1).name !== period.name) t.fail(`${period.name} ends early`);
      if (lastPeriodBefore(length, period.untilMs).name !== period.name)
        t.fail(`${period.name} is not over at its end`);
      if (lastPeriodBefore(length, period.untilMs - 1).name === period.name)
        t.fail(`${period.name} is over before its end`);
      period = next;
    }
    t.ok(names.size >= 60);
  }
});

t.test('days and months', async t => {
  const ms = at('2028-02-29T23:59:59.999Z');
  t.strictSame(periodOf('month', ms), {
    name: '2028-02',
    sinceMs: at('2028-02-01T00:00:00Z'),
    untilMs: at('2028-03-01T00:00:00Z'),
  });
  t.strictSame(periodOf('day', ms), {
    name: '2028-02-29',
    sinceMs: at('2028-02-29T00:00:00Z'),
    untilMs: at('2028-03-01T00:00:00Z'),
  });
});
