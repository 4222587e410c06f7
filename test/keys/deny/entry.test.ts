import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { DENY_KINDS, EntryFault, readEntry, spellEntry } from '../../../lib/keys/deny/entry.ts';

t.test('an entry with everything', async t => {
  const spelled = {
    kind: 'subject',
    id: 'alice',
    reason: 'left',
    until: '2030-01-31T12:00:00+02:00',
    issuedBefore: '2026-11-01T00:00:00.250Z',
  };
  t.strictSame(readEntry(spelled), {
    kind: 'subject',
    id: 'alice',
    terms: {
      reason: 'left',
      untilMs: Date.UTC(2030, 0, 31, 10),
      issuedBeforeMs: Date.UTC(2026, 10, 1, 0, 0, 0, 250),
    },
  });
});

t.test('what is no entry says which member is wrong', async t => {
  const good = { kind: 'key', id: 'a', reason: 'x' };
  for (const [value, member] of [
    [null, null],
    [[], null],
    ['key', null],
    [{ ...good, kind: 'token' }, 'kind'],
    [{ id: 'a', reason: 'x' }, 'kind'],
    [{ ...good, id: '' }, 'id'],
    [{ ...good, id: 7 }, 'id'],
    [{ ...good, id: 'a\nb' }, 'id'],
    [{ ...good, id: '\ud800' }, 'id'],
    [{ ...good, id: 'x'.repeat(257) }, 'id'],
    [{ ...good, reason: undefined }, 'reason'],
    [{ ...good, reason: 'x'.repeat(257) }, 'reason'],
    [{ ...good, until: '2030-01-31' }, 'until'],
    [{ ...good, until: '2030-02-30T00:00:00Z' }, 'until'],
    [{ ...good, until: null }, 'until'],
    [{ ...good, until: 1_900_000_000 }, 'until'],
    [{ ...good, issuedBefore: 'now' }, 'issuedBefore'],
    [{ ...good, issued_before: '2030-01-31T00:00:00Z' }, 'issued_before'],
    [{ ...good, note: 'x' }, 'note'],
  ] as const) {
    const read = readEntry(value);
    t.ok(read instanceof EntryFault, JSON.stringify(value));
    if (read instanceof EntryFault) t.equal(read.member, member);
  }
  t.ok(readEntry(good, 'key') instanceof EntryFault, 'a kind that is known already is no member');
});

t.test('what was spelled reads as it was', async () => {
  const text = fc
    .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
    .filter(value => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value));
  const time = fc.option(fc.integer({ min: 0, max: Date.UTC(9999, 0) }));
  const entry = fc.record(
    {
      kind: fc.constantFrom(...DENY_KINDS),
      id: text,
      terms: fc.record({ reason: text, untilMs: time, issuedBeforeMs: time }, { noNullPrototype: true }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(entry, entry => {
      assert.deepEqual(readEntry(JSON.parse(JSON.stringify(spellEntry(entry)))), entry);
    }),
  );
});
