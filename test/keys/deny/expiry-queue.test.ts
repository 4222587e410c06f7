import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { ExpiryQueue } from '../../../lib/keys/deny/expiry-queue.ts';

t.test('items come out when they are due, the soonest first', async () => {
  const step = fc.oneof(
    fc.record({ atMs: fc.integer({ min: 0, max: 50 }), item: fc.nat(1000) }),
    fc.record({ nowMs: fc.integer({ min: 0, max: 50 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const queue = new ExpiryQueue();
      let model: { atMs: number; item: number }[] = [];
      for (const step of steps) {
        if ('item' in step) {
          queue.add(step.atMs, step.item);
          model.push(step);
          continue;
        }
        const due = model.filter(({ atMs }) => atMs <= step.nowMs).sort((a, b) => a.atMs - b.atMs);
        model = model.filter(({ atMs }) => atMs > step.nowMs);
        const taken: number[] = [];
        for (let item = queue.next(step.nowMs); item !== -1; item = queue.next(step.nowMs)) taken.push(item);
        // Those due at the same time come in any order.
        assert.deepEqual(taken.toSorted(), due.map(({ item }) => item).toSorted());
        const times = new Map(due.map(({ item, atMs }) => [item, atMs]));
        const distinct = new Set(due.map(({ item }) => item)).size === due.length;
        if (distinct) {
          const order = taken.map(item => times.get(item)!);
          assert.deepEqual(
            order,
            order.toSorted((a, b) => a - b),
          );
        }
        assert.equal(queue.size, model.length);
      }
    }),
  );
});
