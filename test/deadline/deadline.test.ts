import t from 'tap';
import { Changes, within } from './index.ts';

t.test('within gives the value, or an error naming what was waited for', async t => {
  t.equal(await within(Promise.resolve(7), 'seven'), 7);
  await t.rejects(within(new Promise(() => {}), 'godot', 5), { message: 'waited 5 ms for godot' });
  await t.rejects(within(Promise.reject(new Error('broken')), 'x'), { message: 'broken' });
});

t.test('until resolves at the change that makes its value true, and not before', async t => {
  const changes = new Changes();
  let count = 0;
  const reached = changes.until(() => count >= 2 && `count ${count}`, 'two');
  changes.notify();
  count = 1;
  changes.notify();
  let early = true;
  void reached.then(() => t.notOk(early));
  await Promise.resolve();
  early = false;
  count = 2;
  changes.notify();
  t.equal(await reached, 'count 2');
  t.equal(await changes.until(() => 0, 'zero counts as a value'), 0);
  await t.rejects(
    changes.until(() => null, 'never', 5),
    { message: 'waited 5 ms for never' },
  );
});

t.test('an error in the reading is the error of the wait', async t => {
  const changes = new Changes();
  const failing = changes.until(() => {
    throw new Error('fact was wrong');
  }, 'a fact');
  await t.rejects(failing, { message: 'fact was wrong' });
});
