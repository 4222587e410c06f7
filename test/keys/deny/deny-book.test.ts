import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { fingerprintOf } from '../../../lib/base/index.ts';
import { DenyBook } from '../../../lib/keys/deny/deny-book.ts';
import { DENY_KINDS, type DenyKind } from '../../../lib/keys/deny/entry.ts';
import type { Named } from '../../../lib/keys/deny/fingerprinter.ts';
import type { DenyTerms } from '../../../lib/keys/deny/terms.ts';

/** Names under fingerprints that crowd each other, or are even the same. */
function named(kind: DenyKind, number: number): Named {
  return { print: fingerprintOf(number % 7, number % 5), kind, id: `id ${number}` };
}

const name = fc
  .tuple(fc.constantFrom(...DENY_KINDS), fc.nat(30))
  .map(([kind, number]) => named(kind, number));
const untilMs = fc.option(fc.integer({ min: 1, max: 100 }));
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ put: name, untilMs, revision: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ remove: name }) },
  { weight: 1, arbitrary: fc.record({ round: fc.array(name, { maxLength: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ nowMs: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 1, arbitrary: fc.record({ reserve: fc.nat(300) }) },
);

interface Model {
  readonly named: Named;
  terms: DenyTerms;
  revision: number;
}

function content(book: DenyBook): object {
  const rows = Array.from({ length: book.top }, (_, row) => book.at(row)).filter(row => row !== null);
  return Object.fromEntries(rows.map(({ kind, id, ...rest }) => [`${kind} ${id}`, rest]));
}

function modelled(model: ReadonlyMap<string, Model>): object {
  return Object.fromEntries([...model].map(([name, { terms, revision }]) => [name, { terms, revision }]));
}

t.test('any history of a book is that of a map', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), steps => {
      const book = new DenyBook('local');
      const model = new Map<string, Model>();
      const nameOf = ({ kind, id }: Named): string => `${kind} ${id}`;
      for (const step of steps) {
        if ('put' in step) {
          const terms = { reason: 'x', untilMs: step.untilMs, issuedBeforeMs: null };
          book.put(step.put, terms, step.revision);
          model.set(nameOf(step.put), { named: step.put, terms, revision: step.revision });
        } else if ('remove' in step) {
          const row = book.find(step.remove);
          assert.equal(row >= 0, model.delete(nameOf(step.remove)));
          if (row >= 0) book.remove(row);
        } else if ('round' in step) {
          const given = new Set(step.round.map(nameOf));
          book.beginRound();
          for (const name of step.round) book.confirm(name);
          for (let row = 0; row < book.top; row++)
            if (book.at(row) !== null && book.isLeftOver(row)) book.remove(row);
          for (const [name, entry] of model) {
            if (given.has(name)) entry.revision = 0;
            else model.delete(name);
          }
        } else if ('nowMs' in step) {
          for (let row = book.nextOver(step.nowMs); row >= 0; row = book.nextOver(step.nowMs))
            book.remove(row);
          for (const [name, { terms }] of model)
            if (terms.untilMs !== null && terms.untilMs <= step.nowMs) model.delete(name);
        } else {
          book.reserve(step.reserve);
        }
        assert.equal(book.size, model.size);
        assert.deepEqual(content(book), modelled(model));
        for (const { named, terms } of model.values()) assert.deepEqual(book.termsOf(named), terms);
      }
    }),
    { numRuns: 200 },
  );
});

t.test('an entry that gets another end again and again does not fill the memory with ends', async t => {
  const book = new DenyBook('local');
  const name = named('key', 1);
  for (let i = 1; i <= 50_000; i++)
    book.put(name, { reason: 'spend', untilMs: 1_000_000 + i, issuedBeforeMs: null }, i);
  t.equal(book.nextOver(1_049_999), -1, 'what it was told before does not count');
  t.equal(book.nextOver(1_050_000), book.find(name));
});

t.test('rounds are told apart, however many there are', async t => {
  const book = new DenyBook('nats');
  const terms = { reason: 'x', untilMs: null, issuedBeforeMs: null };
  book.put(named('key', 1), terms, 1);
  const row = book.find(named('key', 1));
  for (let round = 0; round < 600; round++) {
    book.beginRound();
    t.ok(book.isLeftOver(row) || t.fail(`round ${round}`));
    if (round % 300 !== 0) continue;
    book.confirm(named('key', 1));
    t.notOk(book.isLeftOver(row));
    book.doubt(named('key', 1));
    t.ok(book.isLeftOver(row));
  }
});
