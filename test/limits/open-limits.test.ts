import t, { type Test } from 'tap';
import type { LimitSettings, Limits } from '../../lib/limits/index.ts';
import { HeldClock } from '../base/held-clock.ts';
import { Changes } from '../deadline/index.ts';
import { admit, admitted, exchangeOf, keyOf, metric, lab as sampleLab } from './sample.ts';
import { ScriptedServer } from './scripted-bus.ts';

const nats = { servers: ['nats://127.0.0.1:4222'], bucket: 'weir-limits', subject: 'weir.limits' };
const principal = keyOf('a');

/** Instances that open their bus on one scripted server. */
function fleet(t: Test) {
  const server = new ScriptedServer();
  const clock = new HeldClock();
  const changes = new Changes();
  server.deliver = payload => {
    setImmediate(() => changes.notify());
    return [payload];
  };
  let opened = 0;
  const instance = (boot: string) => {
    const { house } = sampleLab({}, clock);
    return sampleLab(
      {
        house: { ...house.house, boot },
        openBus: async () => {
          opened++;
          return server.connect();
        },
      },
      clock,
    );
  };
  const open = async (boot: string, settings: Partial<LimitSettings>, ...before: never[]) => {
    const limits = await instance(boot).open(settings, ...before);
    t.teardown(() => limits.close());
    return limits;
  };
  return { server, clock, changes, instance, open, opened: () => opened };
}

/** What an instance counts over all keys, once that many are known to it. */
function counts({ changes }: { changes: Changes }, limits: Limits, requests: number): Promise<number> {
  return changes.until(
    () => metric(limits, 'weir_limit_window_count').keyRequests === requests && requests,
    `${requests} requests to be known`,
  );
}

const settled = () => new Promise(resolve => setImmediate(resolve));

t.test('two instances hold one limit', async t => {
  const lab = fleet(t);
  const { server, clock, open } = lab;
  server.goDown();
  const a = await open('00000000000000aa', { perKey: { rpm: 10 }, nats });
  const b = await open('00000000000000bb', { perKey: { rpm: 10 }, nats });
  t.strictSame(
    a.degraded().map(({ code, refuses }) => ({ code, refuses })),
    [{ code: 'limits_alone', refuses: false }],
  );
  server.comeUp();
  await settled();
  t.strictSame(a.degraded(), []);
  // The window in which one of them changed its seed is over.
  clock.pass(70_000);
  t.equal(
    admitted(a, () => ({ principal }), 6),
    6,
  );
  await counts(lab, b, 6);
  t.equal(
    admitted(b, () => ({ principal }), 20),
    4,
  );
  t.strictSame(metric(b, 'weir_limit_fleet_peers'), { '': 1 });
  t.strictSame(metric(b, 'weir_limit_fleet_age_seconds'), { '': 0 });
  t.hasStrict(metric(b, 'weir_limit_fleet_dropped_total'), { forged: 0, slot: 0 });
});

t.test('an instance that joins takes over the seed, and nobody has a free window by it', async t => {
  const { clock, server, open } = fleet(t);
  await open('00000000000000aa', { perKey: { rpm: 10, tpm: 1000 }, nats });
  await settled();
  server.goDown();
  const b = await open('00000000000000bb', { perKey: { rpm: 10, tpm: 1000 }, nats });
  const reserved = exchangeOf({ principal, maxOutputTokens: 900 });
  t.equal(admit(b, reserved), undefined);
  t.equal(
    admitted(b, () => ({ principal, method: 'GET', operation: 'models' }), 6),
    6,
  );
  server.comeUp();
  await settled();
  t.strictSame(b.degraded(), []);
  t.equal(admit(b, exchangeOf({ principal, maxOutputTokens: 200 }))?.code, 'token_rate_limited');
  for (const lease of reserved.leases!) lease.end(reserved);
  t.equal(
    admitted(b, () => ({ principal, method: 'GET', operation: 'models' }), 20),
    3,
  );
  clock.pass(66_000);
  t.equal(
    admitted(b, () => ({ principal, method: 'GET', operation: 'models' }), 20),
    10,
  );
  clock.pass(10_000);
  t.equal(
    admitted(b, () => ({ principal, method: 'GET', operation: 'models' }), 20),
    0,
  );
});

t.test('a reload keeps the bus where it is the same, and takes another where it is not', async t => {
  const lab = fleet(t);
  const { clock, instance, opened } = lab;
  const here = instance('00000000000000aa');
  const there = await instance('00000000000000bb').open({ perKey: { rpm: 10 }, nats });
  const first = await here.open({ perKey: { rpm: 10 }, nats });
  await settled();
  clock.pass(70_000);
  const second = await here.open({ perKey: { rpm: 20 }, perAddress: { rpm: 5 }, nats: { ...nats } }, first);
  t.equal(opened(), 2);
  await first.close();
  t.equal(
    admitted(second, () => ({ principal }), 6),
    6,
  );
  await counts(lab, there, 6);
  t.equal(
    admitted(there, () => ({ principal }), 20),
    4,
  );
  const third = await here.open({ perKey: { rpm: 1000 }, nats: { ...nats, subject: 'other' } }, second);
  const elsewhere = await instance('00000000000000cc').open({
    perKey: { rpm: 10 },
    nats: { ...nats, subject: 'other' },
  });
  await settled();
  t.equal(opened(), 4);
  // Only the newest speaks: of what two told by turns some would be missing here.
  for (let told = 1; told <= 6; told++) {
    t.equal(
      admitted(third, () => ({ principal }), 1),
      1,
    );
    await counts(lab, elsewhere, told);
  }
  await elsewhere.close();
  await third.close();
  clock.pass(66_000);
  t.equal(
    admitted(second, () => ({ principal }), 3),
    3,
  );
  await counts(lab, there, 3);
  t.equal(
    admitted(there, () => ({ principal }), 20),
    7,
    'a change that was called off is undone',
  );
  await counts(lab, second, 10);
  const alone = await here.open({ perKey: { rpm: 20 } }, second);
  await second.close();
  t.strictSame(alone.degraded(), []);
  t.equal(
    admitted(alone, () => ({ principal }), 40),
    10,
    'what others counted still counts',
  );
  await alone.close();
  await alone.close();
  await there.close();
});
