import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { type DenyTerms, isOver, judgePacked, packTerms, stricter } from '../../../lib/keys/deny/terms.ts';

const FIRST_MS = Date.UTC(2020, 0);
const LAST_MS = Date.UTC(2088, 0);
const time = fc.integer({ min: FIRST_MS, max: LAST_MS });
const terms: fc.Arbitrary<DenyTerms> = fc.record({
  reason: fc.constantFrom('spend', 'fraud'),
  untilMs: fc.option(time),
  issuedBeforeMs: fc.option(time),
});

/** What terms say, from their meaning. */
function judge({ reason, untilMs, issuedBeforeMs }: DenyTerms, issuedMs: number | null, nowMs: number) {
  if (untilMs !== null && untilMs <= nowMs) return null;
  if (issuedBeforeMs !== null && issuedMs !== null && issuedMs >= issuedBeforeMs) return null;
  return reason === 'spend' ? 'spend' : 'denied';
}

t.test('packed terms say what the terms say, to the millisecond while they last', async () => {
  fc.assert(
    fc.property(terms, fc.option(time), time, fc.boolean(), (terms, issuedMs, nowMs, isExact) => {
      // Near the time in question, where a rounding would show.
      const issued =
        isExact && terms.issuedBeforeMs !== null ? terms.issuedBeforeMs - (nowMs % 3) + 1 : issuedMs;
      const expected = judge(terms, issued, nowMs);
      const packed = judgePacked(packTerms(terms), issued, nowMs);
      if (expected !== null) assert.equal(packed, expected);
      // A reader may see what is over for a while longer: 1 s, or 2048 s with an issuedBefore.
      else if (!isOver(terms, nowMs)) assert.equal(packed, null);
      const stepMs = terms.issuedBeforeMs === null ? 1000 : 2_048_000;
      if (terms.untilMs !== null && terms.untilMs + stepMs <= nowMs) assert.equal(packed, null);
    }),
    { numRuns: 2000 },
  );
});

t.test('what lies beyond a range is denied rather than not', async t => {
  const at = Date.UTC(2026, 0);
  const far = Date.UTC(9999, 0);
  const say = (untilMs: number | null, issuedBeforeMs: number | null, issuedMs: number | null, nowMs = at) =>
    judgePacked(packTerms({ reason: 'x', untilMs, issuedBeforeMs }), issuedMs, nowMs);
  t.equal(say(far, null, at), 'denied');
  t.equal(say(far, null, at, Date.UTC(2200, 0)), 'denied');
  t.equal(say(far, at, at - 1), 'denied');
  t.equal(say(null, far, at), 'denied');
  t.equal(say(null, Date.UTC(1999, 0), Date.UTC(1998, 0)), 'denied', 'earlier than can be told');
  t.equal(say(null, Date.UTC(1999, 0), at), null);
  t.equal(say(0, null, at), null, 'the first second of all is over');
  t.equal(say(null, at, null), 'denied', 'no time of issue is no excuse');
});

t.test('whoever either denies the stricter denies', async t => {
  fc.assert(
    fc.property(terms, terms, fc.option(time), time, (a, b, issuedMs, nowMs) => {
      const both = judge(stricter(a, b), issuedMs, nowMs);
      const each = [judge(a, issuedMs, nowMs), judge(b, issuedMs, nowMs)];
      if (each.includes('denied')) assert.equal(both, 'denied');
      else if (each.includes('spend')) assert.notEqual(both, null);
    }),
    { numRuns: 1000 },
  );
  t.strictSame(
    stricter(
      { reason: 'spend', untilMs: null, issuedBeforeMs: 5 },
      { reason: 'fraud', untilMs: 7, issuedBeforeMs: 3 },
    ),
    { reason: 'fraud', untilMs: null, issuedBeforeMs: 5 },
  );
});
