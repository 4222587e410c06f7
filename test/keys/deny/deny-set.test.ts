import t from 'tap';
import type { DenyBook } from '../../../lib/keys/deny/deny-book.ts';
import { DenySet } from '../../../lib/keys/deny/deny-set.ts';
import type { DenyTable } from '../../../lib/keys/deny/deny-table.ts';
import { judgePacked } from '../../../lib/keys/deny/terms.ts';
import { HeldClock } from './house.ts';

function lab() {
  const clock = new HeldClock();
  const set = new DenySet(clock);
  const put = (
    book: DenyBook,
    id: string,
    terms: { reason?: string; inMs?: number; issuedBeforeMs?: number } = {},
  ) => {
    const { reason = 'x', inMs, issuedBeforeMs = null } = terms;
    const untilMs = inMs === undefined ? null : clock.nowMs + inMs;
    set.put(book, set.named('key', id), { reason, untilMs, issuedBeforeMs }, 0);
  };
  const remove = (book: DenyBook, id: string) => set.remove(book, set.named('key', id));
  const says = (table: DenyTable, id: string, issuedMs: number | null = clock.nowMs) => {
    const value = table.prints.lookup(set.prints.of('key', id));
    return value === null ? null : judgePacked(value, issuedMs, clock.nowMs);
  };
  return { clock, set, put, remove, says };
}

t.test('denied is what any source denies, and as strictly as any does', async t => {
  const { set, put, remove, says } = lab();
  const table = await set.addTable(10);
  const file = set.addBook('file');
  put(set.local, 'a', { reason: 'spend' });
  t.equal(says(table, 'a'), 'spend');
  put(file, 'a', { reason: 'fraud' });
  t.equal(says(table, 'a'), 'denied');
  t.ok(remove(file, 'a'));
  t.equal(says(table, 'a'), 'spend');
  t.notOk(remove(file, 'a'));
  t.ok(remove(set.local, 'a'));
  t.equal(says(table, 'a'), null);
  t.equal(table.prints.size, 0);
});

t.test('when one denial of two ends, the other goes on as it is', async t => {
  const { clock, set, put, says } = lab();
  const table = await set.addTable(10);
  const file = set.addBook('file');
  put(set.local, 'a', { inMs: 5000 });
  put(file, 'a', { issuedBeforeMs: clock.nowMs });
  t.equal(says(table, 'a'), 'denied');
  clock.nowMs += 5000;
  set.expire();
  t.equal(says(table, 'a', clock.nowMs), null);
  t.equal(says(table, 'a', clock.nowMs - 5001), 'denied');
  t.equal(set.local.size, 0);
  t.equal(set.holders(set.named('key', 'a')).length, 1);
});

t.test('what is over denies nobody, swept or not', async t => {
  const { clock, set, put, says } = lab();
  const table = await set.addTable(10);
  put(set.local, 'a', { inMs: 1000 });
  put(set.local, 'b', { inMs: -1 });
  t.equal(says(table, 'b'), null);
  clock.nowMs += 1000;
  t.equal(says(table, 'a'), null);
  t.strictSame(set.holders(set.named('key', 'a')), []);
});

t.test('when it is full, what is over makes room; what finds none waits and takes the first', async t => {
  const { clock, set, put, remove, says } = lab();
  const table = await set.addTable(3);
  put(set.local, 'a', { inMs: 1000 });
  put(set.local, 'b');
  put(set.local, 'c');
  t.notOk(set.hasRoom(set.named('key', 'd')));
  t.ok(set.hasRoom(set.named('key', 'b')), 'what is in the table has its place');
  clock.nowMs += 1000;
  t.ok(set.hasRoom(set.named('key', 'd')));
  put(set.local, 'd');
  t.equal(says(table, 'd'), 'denied');
  put(set.local, 'e');
  put(set.local, 'f', { inMs: 1000 });
  put(set.local, 'g');
  t.equal(table.waiting, 3);
  t.equal(says(table, 'e'), null);
  clock.nowMs += 1000;
  t.ok(remove(set.local, 'b'));
  t.equal(says(table, 'e'), 'denied');
  t.ok(remove(set.local, 'c'));
  t.equal(says(table, 'g'), 'denied', 'what was over before it got a place takes none');
  set.expire();
  t.equal(table.waiting, 0);
  t.equal(table.prints.size, 3);
});

t.test('an entry takes the place of one that is over without asking first', async t => {
  const { clock, set, put, says } = lab();
  const table = await set.addTable(1);
  put(set.local, 'a', { inMs: 1000 });
  clock.nowMs += 1000;
  put(set.local, 'b');
  t.equal(says(table, 'b'), 'denied');
  t.equal(set.local.size, 1);
});

t.test('an entry that waits and is removed takes no place later', async t => {
  const { set, put, remove, says } = lab();
  const table = await set.addTable(1);
  put(set.local, 'a');
  put(set.local, 'b');
  put(set.local, 'c');
  t.ok(remove(set.local, 'b'));
  t.ok(remove(set.local, 'a'));
  t.equal(says(table, 'b'), null);
  t.equal(says(table, 'c'), 'denied');
  t.equal(table.waiting, 0);
});

t.test('a further table holds the same, and what changes while it is filled', async t => {
  const { set, put, remove, says } = lab();
  const small = await set.addTable(5000);
  for (let i = 0; i < 5000; i++) put(set.local, `k${i}`);
  const filling = set.addTable(6000);
  t.ok(remove(set.local, 'k4999'));
  put(set.local, 'new');
  const large = await filling;
  t.equal(large.prints.size, 5000);
  for (const id of ['k0', 'k4998', 'new']) t.equal(says(large, id), 'denied');
  t.equal(says(large, 'k4999'), null);
  set.dropTable(small);
  t.ok(remove(set.local, 'k0'));
  t.equal(says(small, 'k0'), 'denied', 'a dropped table is left alone');
  t.equal(says(large, 'k0'), null);
});

t.test('a book that is dropped denies nobody; copied before, another does', async t => {
  const { set, put, says } = lab();
  const table = await set.addTable(10_000);
  const nats = set.addBook('nats');
  for (let i = 0; i < 4500; i++) put(nats, `k${i}`);
  put(set.local, 'k7', { reason: 'spend' });
  t.equal(await set.copyBook(nats, set.local), 4500);
  await set.dropBook(nats);
  t.equal(table.prints.size, 4500);
  t.equal(says(table, 'k4499'), 'denied');
  t.equal(says(table, 'k7'), 'denied', 'the stricter of both');
  t.equal(set.count('nats'), 0);
  const other = set.addBook('file');
  put(other, 'x');
  await set.dropBook(other);
  t.equal(says(table, 'x'), null);
});

t.test('listeners hear of denials, and of nothing once they are off', async t => {
  const { set, put, remove } = lab();
  await set.addTable(10);
  let heard = 0;
  const off = set.onDenied(() => heard++);
  put(set.local, 'a');
  t.ok(remove(set.local, 'a'));
  t.equal(heard, 1);
  off();
  put(set.local, 'a');
  t.equal(heard, 1);
});
