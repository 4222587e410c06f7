import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { DenyBook } from '../../../lib/keys/deny/deny-book.ts';
import { DENY_KINDS, isDenyText } from '../../../lib/keys/deny/entry.ts';
import { Fingerprinter } from '../../../lib/keys/deny/fingerprinter.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../lib/keys/deny/snapshot-format.ts';

const prints = new Fingerprinter();

function encoded(books: readonly DenyBook[]): Buffer {
  const chunks: Buffer[] = [];
  // A chunk's memory is used again for the next.
  for (const chunk of encodeSnapshot(books)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function decoded(bytes: Buffer) {
  const snapshot = decodeSnapshot(bytes);
  assert.ok(typeof snapshot !== 'string', String(snapshot));
  const entries: object[] = [];
  const reader = snapshot.read();
  while (reader.next()) {
    const { book, kind, id, terms, revision } = reader;
    entries.push({ book, kind, id, terms, revision });
  }
  return { books: snapshot.books, count: snapshot.count, entries };
}

const text = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }).filter(isDenyText);
const time = fc.option(fc.integer({ min: 0, max: Date.UTC(9999, 0) }));
const entry = fc.record(
  {
    kind: fc.constantFrom(...DENY_KINDS),
    id: text,
    terms: fc.record(
      { reason: fc.oneof(fc.constantFrom('spend', 'fraud'), text), untilMs: time, issuedBeforeMs: time },
      { noNullPrototype: true },
    ),
    revision: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 48 })),
  },
  { noNullPrototype: true },
);

t.test('what is written is read', async () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(entry, { selector: ({ kind, id }) => `${kind} ${id}`, maxLength: 40 }),
      fc.nat(1),
      (entries, first) => {
        const books = [new DenyBook('local'), new DenyBook('nats')];
        books[1]!.place = {
          origin: 'weir-deny',
          cursor: { created: '2026', revision: 12, mark: 'm' },
          currentMs: 1234,
        };
        const expected: object[][] = [[], []];
        for (const [i, { kind, id, terms, revision }] of entries.entries()) {
          const book = (i + first) % 2;
          books[book]!.put(prints.named(kind, id), terms, revision);
          expected[book]!.push({ book, kind, id, terms, revision });
        }
        const read = decoded(encoded(books));
        assert.deepEqual(read.entries, expected.flat());
        assert.equal(read.count, entries.length);
        assert.deepEqual(
          read.books,
          books.map(({ source, place }) => ({ source, ...place })),
        );
      },
    ),
  );
});

t.test('more than a chunk, with entries taken out', async t => {
  const book = new DenyBook('local');
  for (let i = 0; i < 60_000; i++)
    book.put(
      prints.named('key', `key ${i}`),
      { reason: `r${i % 3}`, untilMs: null, issuedBeforeMs: null },
      0,
    );
  for (let i = 0; i < 60_000; i += 2) book.remove(book.find(prints.named('key', `key ${i}`)));
  const bytes = encoded([book]);
  t.ok(bytes.length > 500_000);
  const { entries, count } = decoded(bytes);
  t.equal(count, 30_000);
  t.strictSame(entries[29_999], {
    book: 0,
    kind: 'key',
    id: 'key 59999',
    terms: { reason: 'r2', untilMs: null, issuedBeforeMs: null },
    revision: 0,
  });
});

t.test('any bit that flips, any byte that is missing or too many is seen', async t => {
  const book = new DenyBook('local');
  for (const id of ['a', 'ä', '01k'])
    book.put(prints.named('subject', id), { reason: 'left', untilMs: 1, issuedBeforeMs: null }, 7);
  const bytes = encoded([book]);
  t.equal(decoded(bytes).count, 3);
  for (let length = 0; length < bytes.length; length++)
    if (typeof decodeSnapshot(bytes.subarray(0, length)) !== 'string')
      t.fail(`cut to ${length} bytes it passes`);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (typeof decodeSnapshot(flipped) !== 'string') t.fail(`with bit ${bit} flipped it passes`);
  }
  for (const more of [Buffer.alloc(1), Buffer.from('\n'), bytes])
    t.type(decodeSnapshot(Buffer.concat([bytes, more])), 'string');
  t.type(decodeSnapshot(Buffer.alloc(bytes.length)), 'string');
  t.equal(decodeSnapshot(Buffer.alloc(0)), 'is empty');
});
