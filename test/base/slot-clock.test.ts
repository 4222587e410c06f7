import t from 'tap';
import { SlotClock, WINDOW_SLOTS } from '../../lib/base/index.ts';
import { HeldClock } from './held-clock.ts';

const MINUTE_MS = 60_000;
const SLOT_MS = 5000;
const HOUR_MS = 3_600_000;

t.test('slots begin where those of Unix time do, and count on from 0', async t => {
  const clock = new HeldClock(1_800_000_003_000);
  const time = new SlotClock(clock, MINUTE_MS);
  t.equal(time.slotMs, SLOT_MS);
  t.equal(time.slot(), 0);
  t.equal(time.unixOf(0), 360_000_000);
  t.equal(time.slotOf(360_000_007), 7);
  clock.pass(1999);
  t.equal(time.slot(), 0);
  clock.pass(1);
  t.equal(time.reached, 0, 'nobody has looked yet');
  t.equal(time.slot(), 1);
  t.equal(time.reached, 1);
  t.equal(time.leavesInMs(1), (WINDOW_SLOTS + 1) * SLOT_MS);
});

for (const jumpMs of [HOUR_MS, -HOUR_MS, SLOT_MS + 1, -SLOT_MS - 1, 123_456, -98_765]) {
  t.test(`a jump of the wall clock by ${jumpMs} ms changes names only`, async t => {
    const clock = new HeldClock();
    const time = new SlotClock(clock, MINUTE_MS);
    clock.pass(12_000);
    const slot = time.slot();
    clock.jump(jumpMs);
    t.equal(time.slot(), slot);
    t.ok(time.reanchor());
    t.equal(time.slot(), slot, 'the slot under way stays under way');
    t.equal(time.slotOf(time.unixOf(slot)), slot);
    t.notOk(time.reanchor(), 'once is enough');
    for (let ms = 0; ms < 30_000; ms += 100) {
      clock.pass(100);
      // After the longer slot both clocks begin slots together.
      if (time.slot() > slot) t.equal(time.unixOf(time.slot()), Math.floor(clock.wallMs() / SLOT_MS));
    }
    t.ok(time.slot() - slot >= 4, 'time goes on');
  });
}

t.test('less than a slot apart is left alone, and a clock that flaps does not stop time', async t => {
  const clock = new HeldClock();
  const time = new SlotClock(clock, MINUTE_MS);
  clock.jump(SLOT_MS - 1);
  t.notOk(time.reanchor());
  clock.jump(1 - SLOT_MS);
  let changes = 0;
  for (let second = 0; second < 600; second++) {
    clock.pass(1000);
    clock.jump(second % 2 === 0 ? HOUR_MS + 4999 : -HOUR_MS - 4999);
    if (time.reanchor()) changes++;
  }
  t.ok(changes <= 11, `${changes} changes of names in ten minutes`);
  t.ok(time.slot() >= 100, `${time.slot()} of 120 slots went by`);
});

t.test('threads that share the state are in the same slot, and none goes back', async t => {
  const clock = new HeldClock();
  const first = new SlotClock(clock, MINUTE_MS);
  clock.pass(23_456);
  const second = new SlotClock(clock, MINUTE_MS, first.state);
  t.equal(second.slot(), first.slot());
  clock.jump(-HOUR_MS - 1234);
  clock.pass(SLOT_MS);
  const reached = second.slot();
  t.equal(first.reached, reached);
  first.reanchor();
  t.equal(second.slot(), reached);
});
