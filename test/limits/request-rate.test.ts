import t from 'tap';
import { admit, admitted, byoKey, end, exchangeOf, keyOf, lab, metric } from './sample.ts';

t.test('what is not configured is not there', async t => {
  const limits = await lab().open({});
  t.strictSame(limits.stages, []);
  t.strictSame(limits.admitStages, []);
  t.strictSame(metric(limits, 'weir_limit_window_count'), {});
  t.notOk(limits.readsOutputLimit);
  t.equal(limits.limitHeaders, null);
  t.strictSame(limits.degraded(), []);
  const byKeys = await lab({ grantsMayLimit: true }).open({});
  t.strictSame(
    byKeys.stages.map(({ name }) => name),
    ['concurrency', 'request-rate', 'token-rate'],
  );
  t.ok(byKeys.readsOutputLimit);
});

t.test('requests of a key: its own limit before that of the config', async t => {
  const limits = await lab({ grantsMayLimit: true }).open({ perKey: { rpm: 5 } });
  const plain = keyOf('plain');
  const wide = keyOf('wide', { rpm: 8 });
  const narrow = keyOf('narrow', { rpm: 2 });
  t.equal(
    admitted(limits, () => ({ principal: plain }), 20),
    5,
  );
  t.equal(
    admitted(limits, () => ({ principal: wide }), 20),
    8,
  );
  t.equal(
    admitted(limits, () => ({ principal: narrow }), 20),
    2,
  );
  const refusal = admit(limits, exchangeOf({ principal: narrow }))!;
  t.equal(refusal.code, 'rate_limited');
  t.match(refusal.detail, 'key');
  t.ok(refusal.retryAfterSeconds >= 60 && refusal.retryAfterSeconds <= 65);
});

t.test('a key is the same key however often it is verified, and no other', async t => {
  const limits = await lab().open({ perKey: { rpm: 3 } });
  t.equal(
    admitted(limits, () => ({ principal: keyOf('a') }), 9),
    3,
    'a new object each time',
  );
  t.equal(
    admitted(limits, () => ({ principal: byoKey('a') }), 9),
    3,
    'another kind of credential',
  );
  const issued = { ...keyOf('a'), auth: 'virtual' as const, issuer: 'k4.pid.one' };
  t.equal(
    admitted(limits, () => ({ principal: issued }), 9),
    3,
  );
  t.equal(
    admitted(limits, () => ({ principal: { ...issued, issuer: 'k4.pid.two' } }), 9),
    3,
  );
});

t.test('keys of the client’s own are limited by their fingerprint, over all connections', async t => {
  const limits = await lab().open({ perKey: { rpm: 4 } });
  const socket = {};
  t.equal(
    admitted(limits, () => ({ principal: byoKey('byo:1'), socket }), 3),
    3,
  );
  t.equal(
    admitted(limits, () => ({ principal: byoKey('byo:2'), socket }), 9),
    4,
    'another one on the same connection',
  );
  t.equal(
    admitted(limits, () => ({ principal: byoKey('byo:1') }), 9),
    1,
    'on other connections',
  );
});

t.test('without a key there is nothing to limit by key', async t => {
  const limits = await lab().open({ perKey: { rpm: 1, tpm: 1, concurrency: 1 }, perSubject: { rpm: 1 } });
  const nobody = { ...keyOf(''), keyId: null, subject: null, grant: null, auth: 'none' as const };
  t.equal(
    admitted(limits, () => ({ principal: nobody }), 9),
    9,
  );
});

t.test('the keys of a subject share its limit', async t => {
  const limits = await lab().open({ perSubject: { rpm: 6 } });
  const first = keyOf('first', {}, 'alice');
  const second = keyOf('second', {}, 'alice');
  t.equal(
    admitted(limits, () => ({ principal: first }), 4),
    4,
  );
  t.equal(
    admitted(limits, () => ({ principal: second }), 9),
    2,
  );
  t.equal(
    admitted(limits, () => ({ principal: keyOf('third', {}, 'bob') }), 9),
    6,
  );
  t.match(admit(limits, exchangeOf({ principal: first }))!.detail, 'subject');
});

t.test('all together, whoever they are: counted exactly', async t => {
  const limits = await lab().open({ global: { rpm: 500 } });
  let i = 0;
  t.equal(
    admitted(limits, () => ({ principal: keyOf(`k${i++}`) }), 2000),
    500,
  );
  t.match(admit(limits, exchangeOf({ principal: keyOf('x') }))!.detail, 'gateway');
  t.strictSame(metric(limits, 'weir_limit_window_count'), { globalRequests: 500 });
  t.strictSame(metric(limits, 'weir_limit_overcount_bound'), { globalRequests: 0 });
});

t.test('what one limit refuses no other has counted', async t => {
  const { clock, open } = lab();
  const limits = await open({ perKey: { rpm: 10 }, perSubject: { rpm: 10 }, global: { rpm: 4 } });
  const principal = keyOf('a');
  t.equal(
    admitted(limits, () => ({ principal }), 50),
    4,
  );
  t.strictSame(metric(limits, 'weir_limit_window_count'), {
    keyRequests: 4,
    subjectRequests: 4,
    globalRequests: 4,
  });
  const reloaded = await open({ perKey: { rpm: 10 }, perSubject: { rpm: 10 } }, limits);
  t.equal(
    admitted(reloaded, () => ({ principal }), 50),
    6,
  );
  clock.pass(70_000);
  t.equal(
    admitted(reloaded, () => ({ principal }), 50),
    10,
  );
});

t.test('5,000 at the same moment at an empty limit of 100', async t => {
  const limits = await lab().open({ perKey: { rpm: 100 } });
  const principal = keyOf('burst');
  const answers = await Promise.all(
    Array.from({ length: 5000 }, async () => {
      const exchange = exchangeOf({ principal });
      const refusal = admit(limits, exchange);
      await null;
      if (refusal === undefined) end(exchange, 'complete');
      return refusal === undefined;
    }),
  );
  t.equal(answers.filter(Boolean).length, 100);
});

t.test('every refusal says when to come back, and then there is room', async t => {
  const { clock, open } = lab();
  const limits = await open({ perKey: { rpm: 3 } });
  const principal = keyOf('a');
  for (let i = 0; i < 200; i++) {
    const exchange = exchangeOf({ principal });
    const refusal = admit(limits, exchange);
    if (refusal === undefined) {
      clock.pass(i % 3 === 0 ? 2500 : 700);
      continue;
    }
    t.ok(Number.isInteger(refusal.retryAfterSeconds));
    t.ok(refusal.retryAfterSeconds >= 1 && refusal.retryAfterSeconds <= 65);
    clock.pass(refusal.retryAfterSeconds * 1000);
    t.equal(admit(limits, exchangeOf({ principal })), undefined);
  }
});
