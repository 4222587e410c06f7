import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { DENY_KINDS, isDenyText } from '../../../lib/keys/deny/entry.ts';
import { kvKey, kvValue, readKvKey, readKvValue } from '../../../lib/keys/deny/kv-spelling.ts';

const text = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }).filter(isDenyText);
const UNKNOWN = { reason: 'unknown', untilMs: null, issuedBeforeMs: null };
const ALICE = { kind: 'subject', id: 'alice' } as const;

function read(value: string | Uint8Array) {
  return readKvValue(ALICE, typeof value === 'string' ? Buffer.from(value) : value);
}

t.test('what is written is read, and its key is one that a bucket takes', async () => {
  const time = fc.option(fc.integer({ min: 0, max: Date.UTC(9999, 0) }));
  fc.assert(
    fc.property(
      fc.constantFrom(...DENY_KINDS),
      text,
      text,
      time,
      time,
      (kind, id, reason, untilMs, issuedBeforeMs) => {
        const terms = { reason, untilMs, issuedBeforeMs };
        const key = kvKey(kind, id);
        assert.match(key, /^(?:key|subject|issuer)\.[A-Za-z0-9_-]+$/);
        assert.deepEqual(readKvKey(key), { kind, id });
        assert.deepEqual(readKvValue({ kind, id }, kvValue({ kind, id, terms })), { terms, fault: null });
      },
    ),
  );
});

t.test('the contract, to the byte', async t => {
  t.equal(kvKey('key', '01k?>'), 'key.MDFrPz4');
  t.equal(
    Buffer.from(
      kvValue({ ...ALICE, terms: { reason: 'left', untilMs: 0, issuedBeforeMs: null } }),
    ).toString(),
    '{"id":"alice","reason":"left","until":"1970-01-01T00:00:00.000Z"}',
  );
  t.strictSame(read('{ "id": "alice", "reason": "spend", "issuedBefore": "2026-01-01T00:00:00Z" }'), {
    terms: { reason: 'spend', untilMs: null, issuedBeforeMs: Date.UTC(2026, 0) },
    fault: null,
  });
});

t.test('a key of another kind or spelling is none', async t => {
  const good = kvKey('key', 'ab');
  t.equal(good, 'key.YWI');
  for (const key of [
    'YWI',
    'key',
    'key.',
    'token.YWI',
    'KEY.YWI',
    'key.YWJ',
    'key.YWI=',
    'key.Y WI',
    'key.YWI.',
    'key.w7',
    'key._w',
  ])
    t.equal(readKvKey(key), null, key);
  t.equal(readKvKey('key.Cg'), null, 'a line end is no id');
});

t.test('a value that cannot be read denies, for a reason that nobody gave', async t => {
  for (const value of [
    '',
    'spend',
    'null',
    '[]',
    '"spend"',
    '{"id":"alice"}',
    '{"id":"alice","reason":""}',
    '{"id":"bob","reason":"spend"}',
    '{"reason":"spend"}',
    '{"id":"alice","reason":"spend","kind":"subject"}',
    '{"id":"alice","reason":"spend","ttl":3}',
    '{"id":"alice","reason":"spend","until":"soon"}',
    '{"id":"alice","reason":"spend"}{',
    `{"id":"alice","reason":"${'x'.repeat(9000)}"}`,
    Buffer.from([0x7b, 0xff, 0x7d]),
  ]) {
    const { terms, fault } = read(value);
    t.strictSame(terms, UNKNOWN);
    t.type(fault, 'string');
  }
});

t.test('names may be escaped, and mean what they say; a repeated one is not read', async t => {
  // Some runtimes gave a wrong name for the escaped one after this.
  JSON.parse('{"a":1,"\\\\\\\\":2}');
  t.strictSame(read('{"\\u0069d":"al\\u0069ce","reason":"sp\\u0065nd"}'), {
    terms: { reason: 'spend', untilMs: null, issuedBeforeMs: null },
    fault: null,
  });
  t.strictSame(read('{"id":"alice","reason":"spend","re\\u0061son":"left"}').terms, UNKNOWN);
  t.strictSame(read('{"id":"alice","reason":"spend","\\u0075ntil":"x"}').terms, UNKNOWN);
});
