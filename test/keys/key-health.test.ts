import t from 'tap';
import { KeyHealth } from '../../lib/keys/key-health.ts';

const MINUTE_MS = 60_000;
const START_MS = 12_345;

/** Refuses a key at the end of each of its rests: how long it rested, in minutes. */
function rests(health: KeyHealth, count: number): readonly number[] {
  let nowMs = START_MS;
  health.refuse(401, nowMs, false);
  return Array.from({ length: count }, () => {
    const untilMs = health.untilMs(nowMs)!;
    const rest = (untilMs - nowMs) / MINUTE_MS;
    nowMs = untilMs;
    health.beginTrial(nowMs);
    health.refuse(401, nowMs, true);
    health.endTrial();
    return rest;
  });
}

t.test('a refused key rests five minutes, to the millisecond', async t => {
  const health = new KeyHealth();
  t.equal(health.condition(START_MS), 'usable');
  t.equal(health.untilMs(START_MS), null);
  health.refuse(401, START_MS, false);
  t.equal(health.lastRefusal, 401);
  t.equal(health.condition(START_MS), 'quarantined');
  t.equal(health.untilMs(START_MS), START_MS + 5 * MINUTE_MS);
  t.equal(health.condition(START_MS + 5 * MINUTE_MS - 1), 'quarantined');
  t.equal(health.condition(START_MS + 5 * MINUTE_MS), 'trial');
  t.equal(health.untilMs(START_MS + 5 * MINUTE_MS), null, 'it may be tried now');
});

t.test('each trial that fails doubles the rest, up to an hour', async t => {
  t.strictSame(rests(new KeyHealth(), 7), [5, 10, 20, 40, 60, 60, 60]);
});

t.test('requests that were under way together count as one refusal', async t => {
  const health = new KeyHealth();
  for (let i = 0; i < 10; i++) health.refuse(402, START_MS + i * 1000, false);
  t.equal(health.untilMs(START_MS + 9000), START_MS + 5 * MINUTE_MS);
  t.equal(health.lastRefusal, 402);
});

t.test('one trial at a time; one that came to nothing leaves the next one free', async t => {
  const health = new KeyHealth();
  t.equal(health.beginTrial(START_MS), false, 'a good key needs none');
  health.refuse(401, START_MS, false);
  t.equal(health.beginTrial(START_MS), false, 'nor one that still rests');
  const laterMs = START_MS + 5 * MINUTE_MS;
  t.equal(health.beginTrial(laterMs), true);
  t.equal(health.condition(laterMs), 'quarantined');
  t.equal(health.beginTrial(laterMs), false);
  health.endTrial();
  t.equal(health.condition(laterMs), 'trial');
  t.equal(health.beginTrial(laterMs), true);
});

t.test('a success ends the quarantine, and the next one begins at five minutes again', async t => {
  const health = new KeyHealth();
  rests(health, 3);
  health.clear();
  t.equal(health.condition(START_MS), 'usable');
  t.strictSame(rests(health, 2), [5, 10]);
});

t.test('cooling ends by itself, and a shorter one does not shorten it', async t => {
  const health = new KeyHealth();
  health.cool(429, START_MS + 30_000);
  health.cool(429, START_MS + 1000);
  t.equal(health.lastRefusal, 429);
  t.equal(health.condition(START_MS + 29_999), 'cooling');
  t.equal(health.untilMs(START_MS), START_MS + 30_000);
  t.equal(health.condition(START_MS + 30_000), 'usable');
});

t.test('quarantine outweighs cooling, and an operator’s switch both', async t => {
  const health = new KeyHealth();
  health.cool(429, START_MS + 30_000);
  health.refuse(401, START_MS, false);
  t.equal(health.condition(START_MS), 'quarantined');
  health.disable();
  t.equal(health.condition(START_MS), 'disabled');
  t.equal(health.untilMs(START_MS), null, 'time does not help');
});

t.test('a release forgets everything that is held against a key', async t => {
  const health = new KeyHealth();
  rests(health, 3);
  health.cool(429, Number.MAX_SAFE_INTEGER);
  const laterMs = health.untilMs(START_MS)!;
  health.beginTrial(laterMs);
  health.disable();
  health.release();
  t.equal(health.condition(START_MS), 'usable');
  health.refuse(401, START_MS, false);
  t.equal(health.condition(START_MS + 5 * MINUTE_MS), 'trial', 'and a trial is free again');
});
