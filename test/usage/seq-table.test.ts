import fc from 'fast-check';
import t from 'tap';
import { SeqTable } from '../../lib/usage/seq-table.ts';

const seqs = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 4090, max: 4100 }),
  fc.constant(2 ** 40),
);
const step = fc.record({ isOpen: fc.boolean(), seq: seqs, crc: fc.constantFrom(0, 7, 2 ** 32 - 1) });

t.test('the table agrees with sets', async () => {
  fc.assert(
    fc.property(fc.array(step), steps => {
      const table = new SeqTable();
      const begun = new Set<number>();
      const facts = new Map<number, number>();
      for (const { isOpen, seq, crc } of steps) {
        if (isOpen) {
          table.open(seq);
          begun.add(seq);
          continue;
        }
        const before = facts.get(seq);
        const expected = before === undefined ? 'first' : before === crc ? 'same' : 'other';
        if (table.fact(seq, crc) !== expected) return false;
        if (before === undefined) facts.set(seq, crc);
      }
      const met = new Set([...begun, ...facts.keys()]);
      const unended = [...begun].filter(seq => !facts.has(seq)).length;
      const unused = Math.max(0, ...met) - met.size;
      const facted = [...met].every(seq => table.hasFact(seq) === facts.has(seq));
      return facted && table.unended === unended && table.unused === unused;
    }),
  );
});
