import t from 'tap';
import { end, PoolLab } from './pool-lab.ts';

const MINUTE_MS = 60_000;

/** How often each of the next requests gets which key. */
function shares(lab: PoolLab, count: number): Record<string, number> {
  const got: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const id = lab.ask();
    got[id] = (got[id] ?? 0) + 1;
  }
  return got;
}

t.test('keys take turns by their weight, and heavy ones do not come in bursts', async t => {
  const lab = new PoolLab([{ id: 'a', weight: 5 }, 'b', 'c']);
  const turns = Array.from({ length: 7 }, () => lab.ask()).join('');
  t.equal(turns, 'aabacaa');
  t.strictSame(shares(lab, 700), { a: 500, b: 100, c: 100 });
  t.equal(lab.health('b').requests, 101);
  t.equal(lab.health('b').lastUsedWallMs, lab.clock.wallMs());
});

t.test('no key, and a provider that needs none', async t => {
  t.equal(new PoolLab([]).ask(), 'no_upstream_key');
  const local = new PoolLab([], { of: 'ollama' });
  const exchange = local.exchange();
  t.equal(local.pool.next(exchange), undefined);
  t.equal(exchange.poolKey, null);
});

t.test('a refused key rests for five minutes and is told', async t => {
  const lab = new PoolLab(['a', 'b']);
  t.strictSame(lab.answered(401), { id: 'a', verdict: 'refused' });
  t.equal(lab.condition('a'), 'quarantined');
  t.strictSame(lab.warnings, [
    { code: 'pool_key_quarantined', message: 'key a of openai was refused with 401 and rests' },
  ]);
  t.strictSame(shares(lab, 20), { b: 20 });
  lab.clock.pass(5 * MINUTE_MS - 1);
  t.equal(lab.ask(), 'b');
  lab.clock.pass(1);
  t.equal(lab.ask(), 'a', 'the trial');
});

t.test('402 and a spent quota are refusals, 403 and 404 are answers', async t => {
  const lab = new PoolLab(['a']);
  t.strictSame(lab.answered(403), { id: 'a', verdict: 'fine' });
  t.strictSame(lab.answered(404), { id: 'a', verdict: 'fine' });
  t.equal(lab.condition('a'), 'usable');
  t.equal(lab.answered(402).verdict, 'refused');
  lab.health('a').release();
  const error = { error: { code: 'insufficient_quota' } };
  t.equal(lab.answered(429, { retryAfter: '7', error }).verdict, 'refused');
  t.equal(lab.condition('a'), 'quarantined');
});

t.test('one trial at a time, and its success ends the quarantine', async t => {
  const lab = new PoolLab(['a', 'b']);
  lab.answered(401);
  lab.clock.pass(5 * MINUTE_MS);
  const trial = lab.exchange();
  t.equal(lab.next(trial), 'a');
  t.strictSame(shares(lab, 20), { b: 20 }, 'nobody else until it is over');
  t.equal(lab.judge(trial, 200), 'fine');
  end(trial);
  t.equal(lab.condition('a'), 'usable');
  t.strictSame(shares(lab, 20), { a: 10, b: 10 });
});

t.test('a success that is no trial says nothing: it may have been under way before', async t => {
  const lab = new PoolLab(['a', 'b']);
  const early = lab.exchange();
  t.equal(lab.next(early), 'a');
  t.equal(lab.ask(), 'b');
  lab.answered(401);
  t.equal(lab.condition('a'), 'quarantined');
  lab.judge(early, 200);
  end(early);
  t.equal(lab.condition('a'), 'quarantined');
});

t.test('a trial that fails doubles the rest, up to an hour', async t => {
  const lab = new PoolLab(['a']);
  lab.answered(401);
  const rests: number[] = [];
  for (let i = 0; i < 6; i++) {
    const nowMs = lab.clock.monotonicMs();
    const untilMs = lab.health('a').untilMs(nowMs)!;
    rests.push(Math.round((untilMs - nowMs) / MINUTE_MS));
    lab.clock.pass(untilMs - nowMs);
    t.equal(lab.answered(401).verdict, 'refused');
  }
  t.strictSame(rests, [5, 10, 20, 40, 60, 60]);
});

t.test('a trial that ends without an answer leaves the next one free', async t => {
  const lab = new PoolLab(['a', 'b']);
  lab.answered(401);
  lab.clock.pass(5 * MINUTE_MS);
  const gone = lab.exchange();
  t.equal(lab.next(gone), 'a');
  t.equal(lab.ask(), 'b');
  end(gone);
  t.equal(lab.condition('a'), 'trial');
  t.equal(lab.ask(), 'a');
});

t.test('what cannot be sent a second time is no trial while another key is usable', async t => {
  const lab = new PoolLab(['a', 'b']);
  lab.answered(401);
  lab.clock.pass(5 * MINUTE_MS);
  t.equal(lab.ask({ isRepeatable: false }), 'b');
  t.equal(lab.ask({ path: '/v1/files' }), 'b', 'nor what could blame a good key');
  t.equal(lab.condition('a'), 'trial');
  t.equal(lab.ask(), 'a', 'any other is');

  const alone = new PoolLab(['a']);
  alone.answered(401);
  alone.clock.pass(5 * MINUTE_MS);
  t.equal(alone.ask({ isRepeatable: false }), 'a', 'it is where there is no other');
});

t.test('calls by explicit grant blame no key', async t => {
  const lab = new PoolLab(['a']);
  const exchange = lab.exchange({ path: '/v1/files' });
  lab.next(exchange);
  t.equal(lab.judge(exchange, 401), 'unsuited');
  t.equal(lab.condition('a'), 'usable');
});

t.test('a limited key cools by what the provider says, within bounds', async t => {
  const lab = new PoolLab(['a']);
  const cooledS = (retryAfter: string | null): number => {
    lab.health('a').release();
    t.equal(lab.answered(429, { retryAfter }).verdict, 'limited');
    t.equal(lab.condition('a'), 'cooling');
    return Math.round((lab.health('a').untilMs(lab.clock.monotonicMs())! - lab.clock.monotonicMs()) / 1000);
  };
  t.equal(cooledS(null), 30);
  t.equal(cooledS('7'), 7);
  t.equal(cooledS('0'), 1);
  t.equal(cooledS('1.5'), 2);
  t.equal(cooledS('3600'), 3600);
  t.equal(cooledS('86400'), 3600);
  t.equal(cooledS('soon'), 30);
  t.equal(cooledS(new Date(lab.clock.wallMs() + 90_000).toUTCString()), 90);
  t.equal(cooledS(new Date(lab.clock.wallMs() - 90_000).toUTCString()), 1, 'a date that is over');
  lab.health('a').release();
  lab.answered(429, { retryAfter: '7' });
  t.match(lab.warnings.at(-1), {
    code: 'pool_key_cooling',
    message: 'key a of openai is limited by the provider for 7 s',
  });
  lab.clock.pass(6999);
  t.equal(lab.condition('a'), 'cooling');
  lab.clock.pass(1);
  t.equal(lab.condition('a'), 'usable');
});

t.test('the next key of an exchange is another one', async t => {
  const lab = new PoolLab(['a', 'b']);
  const exchange = lab.exchange();
  t.equal(lab.next(exchange), 'a');
  lab.judge(exchange, 401);
  t.equal(lab.next(exchange), 'b');
  lab.judge(exchange, 401);
  t.equal(lab.next(exchange), 'upstream_credentials_exhausted');
  t.equal(exchange.poolKey?.id, 'b', 'it stands as it was');

  const heavy = new PoolLab([{ id: 'a', weight: 9 }, 'b']);
  const again = heavy.exchange();
  t.equal(heavy.next(again), 'a');
  t.equal(heavy.next(again), 'b', 'although nothing speaks against the first');
});

t.test('no key left: some only cooling says when, all refused says so', async t => {
  const lab = new PoolLab(['a', 'b', 'c']);
  lab.answered(401);
  lab.answered(429, { retryAfter: '50' });
  lab.answered(429, { retryAfter: '9' });
  const refusal = lab.pool.next(lab.exchange());
  t.equal(refusal?.code, 'upstream_rate_limited');
  t.equal(refusal?.retryAfterSeconds, 9);
  lab.clock.pass(1500);
  t.equal(lab.pool.next(lab.exchange())?.retryAfterSeconds, 8, 'rounded up');
  lab.clock.pass(7500);
  t.equal(lab.ask(), 'c');
  lab.health('b').disable();
  lab.health('c').disable();
  t.equal(lab.ask(), 'upstream_credentials_exhausted');
});

t.test('lacks tells what the next such request would be told, and takes nothing', async t => {
  const lab = new PoolLab(['a', 'b']);
  const exchange = lab.exchange();
  t.equal(lab.pool.lacks(exchange), undefined);
  lab.answered(401);
  t.equal(lab.pool.lacks(exchange), undefined);
  lab.answered(429, { retryAfter: '5' });
  t.match(lab.pool.lacks(exchange), { code: 'upstream_rate_limited', retryAfterSeconds: 5 });
  lab.clock.pass(5 * MINUTE_MS);
  lab.health('b').disable();
  t.equal(lab.pool.lacks(exchange), undefined, 'a key whose rest is over');
  t.equal(lab.condition('a'), 'trial', 'which is not tried by asking');
});

t.test('what one key made goes to that key alone', async t => {
  let bound: string | null = 'b';
  const lab = new PoolLab(['a', 'b'], { boundKey: () => bound });
  t.strictSame(shares(lab, 5), { b: 5 });
  lab.health('b').disable();
  t.equal(lab.ask(), 'upstream_credentials_exhausted');
  bound = 'gone';
  t.equal(lab.ask(), 'a', 'a key that is gone binds nobody');
});

t.test('a reload keeps the health of a key that stays, by id and secret', async t => {
  const lab = new PoolLab(['a', 'b', 'c']);
  lab.answered(401);
  lab.answered(429, { retryAfter: '60' });
  t.equal(lab.ask(), 'c');
  const after = new PoolLab(['a', { id: 'b', secret: 'another' }, 'c', 'd'], {
    clock: lab.clock,
    before: lab.pool,
  });
  t.equal(after.condition('a'), 'quarantined');
  t.equal(after.condition('b'), 'usable', 'another key under the same name');
  t.equal(after.health('a'), lab.health('a'));
  t.equal(after.health('c').requests, 1);
  t.equal(after.condition('d'), 'usable');
  lab.pool.retire(after.pool);
  t.equal(lab.condition('b'), 'disabled', 'what still runs on the old pool does not choose it');
  t.equal(lab.condition('c'), 'usable');
});

t.test('an answer to a key that a reload took away judges nothing', async t => {
  const lab = new PoolLab(['a', 'b']);
  const exchange = lab.exchange();
  lab.next(exchange);
  const after = new PoolLab(['b'], { clock: lab.clock, before: lab.pool });
  t.equal(after.judge(exchange, 401), 'fine');
  t.strictSame(after.warnings, []);
});

t.test('suspects asks for the body of answers that may speak against a key', async t => {
  const lab = new PoolLab(['a']);
  const exchange = lab.exchange();
  t.equal(lab.pool.suspects(exchange, 401), false, 'no key was sent');
  lab.next(exchange);
  t.strictSame(
    [200, 400, 401, 402, 403, 404, 429, 500].filter(status => lab.pool.suspects(exchange, status)),
    [401, 402, 429],
  );
});
