import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { systemClock } from '../../lib/base/index.ts';
import { openBus } from '../../lib/bus/index.ts';
import { type Limits, openLimits } from '../../lib/limits/index.ts';
import { Changes } from '../deadline/index.ts';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { admit, admitted, DEFAULTS, exchangeOf, keyOf, metric } from './sample.ts';

const skip = natsMissing();
const LIMIT = 300;

/** Instances of a fleet on a real server, and a word whenever one of them has heard something. */
async function instances(t: Test, server: NatsServer, size: number) {
  const heard = new Changes();
  const nats = { servers: [server.url], bucket: 'weir-limits', subject: 'weir.limits' };
  const open = (i: number) =>
    openLimits(
      { ...DEFAULTS, perKey: { rpm: LIMIT }, perSubject: { rpm: LIMIT }, nats },
      {
        house: { clock: systemClock, instance: `weir-${i}`, boot: `${i}`.padStart(16, '0'), warn: () => {} },
        grantsMayLimit: false,
        openBus: async (settings, options) => {
          const bus = await openBus(settings, options);
          const { subscribe } = bus;
          bus.subscribe = (subject, receive) =>
            subscribe.call(bus, subject, payload => {
              receive(payload);
              heard.notify();
            });
          return bus;
        },
      },
      null,
    );
  const all = await Promise.all(Array.from({ length: size }, (_, i) => open(i)));
  t.teardown(() => Promise.all(all.map(limits => limits.close())));
  const until = (what: string, check: (limits: Limits) => boolean) =>
    heard.until(() => all.every(check), what);
  const together = () =>
    until('all to be together', limits => {
      return limits.degraded().length === 0 && metric(limits, 'weir_limit_fleet_peers')[''] === size - 1;
    });
  await together();
  return { all, until, together };
}

t.test('three instances on a real server hold one limit; alone each holds its own', { skip }, async t => {
  const server = await NatsServer.start(t);
  const { all, until, together } = await instances(t, server, 3);
  const key = keyOf('burst', {}, null);
  let count = 0;
  const beganMs = performance.now();
  while (performance.now() - beganMs < 2000) {
    for (const limits of all) count += admitted(limits, () => ({ principal: key }), 4);
    await delay(20);
  }
  const perSecond = 4 / 0.02;
  const slack = (all.length - 1) * perSecond * (0.15 + 0.35);
  t.ok(count >= LIMIT && count <= LIMIT + slack, `${count} admitted, at most ${LIMIT + slack}`);
  for (const limits of all) {
    const exchange = exchangeOf({ principal: key });
    t.equal(admit(limits, exchange)?.code, 'rate_limited');
  }
  await server.kill();
  const other = keyOf('alone', {}, null);
  const alone = all.map(limits => admitted(limits, () => ({ principal: other }), 1000));
  t.strictSame(alone, [LIMIT, LIMIT, LIMIT], 'traffic goes on, each by itself');
  await server.restart();
  await together();
  const owner = keyOf('after', {}, 'alice');
  t.equal(
    admitted(all[0]!, () => ({ principal: owner }), 120),
    120,
  );
  await until('what was counted after the outage to be known', limits => {
    return metric(limits, 'weir_limit_window_count').subjectRequests === 120;
  });
  t.equal(
    admitted(all[1]!, () => ({ principal: owner }), 1000),
    LIMIT - 120,
  );
});
