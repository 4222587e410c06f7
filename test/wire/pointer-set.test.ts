import t from 'tap';
import { PointerSet } from '../../lib/wire/index.ts';

t.test('keeps its list', async t => {
  const list = ['', '/a', '/a/b', '/data/-/#', '/a', '/x~1y/~0', '/0/1', '/'];
  const set = new PointerSet(list);
  t.strictSame(set.pointers, list);
  list.push('/more');
  t.equal(set.pointers.length, 8);
});

t.test('what is no pointer is a mistake in code', async t => {
  for (const bad of ['a', 'a/b', '/~', '/~2', '#/a', '/a~']) {
    t.throws(() => new PointerSet(['/ok', bad]), { name: 'TypeError', message: /not a JSON pointer/ }, bad);
  }
});
