import t from 'tap';
import { BadCredentialBudget } from '../../lib/base/index.ts';
import { HeldClock } from './held-clock.ts';

t.test('an address may be wrong so many times a minute', async t => {
  const clock = new HeldClock();
  const budget = new BadCredentialBudget(20, clock);
  for (let i = 0; i < 20; i++) {
    t.notOk(budget.spent('192.0.2.1'));
    budget.charge('192.0.2.1');
  }
  t.ok(budget.spent('192.0.2.1'));
  t.notOk(budget.spent('192.0.2.2'), 'nobody else pays for it');
  const seconds = budget.retryAfterSeconds('192.0.2.1');
  t.ok(seconds >= 1 && seconds <= 65, `${seconds} s`);
  t.equal(budget.retryAfterSeconds('192.0.2.2'), 1);
  clock.pass((seconds - 1) * 1000 - 1);
  t.ok(budget.spent('192.0.2.1'));
  clock.pass(1001);
  t.notOk(budget.spent('192.0.2.1'));
});
