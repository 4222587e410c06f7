import t from 'tap';
import type { Degradation } from '../../lib/pipeline/index.ts';
import { filesBelow, read, tableRows } from '../house/tree.ts';
import { codeOf, echoRoute, json, KEYS, OpsLab } from './ops-lab.ts';

const STALE: Degradation = { code: 'deny_stale', message: 'No word from NATS for 2 min.', refuses: false };
const SEEDLESS: Degradation = { code: 'deny_seedless', message: 'No first read yet.', refuses: true };

t.test('livez lives through everything', async t => {
  const lab = await OpsLab.start(t);
  lab.draining = true;
  lab.degraded = [SEEDLESS];
  const answer = await lab.ask({ target: '/livez' });
  t.strictSame([answer.status, json(answer)], [200, { status: 'alive' }]);
});

t.test('readyz says ready, degraded, refusing or draining, with reasons', async t => {
  const lab = await OpsLab.start(t);
  const ready = async () => {
    const answer = await lab.ask({ target: '/readyz' });
    return [answer.status, json(answer)];
  };
  const shown = ({ code, message }: Degradation) => ({ code, message });
  t.strictSame(await ready(), [200, { status: 'ready', reasons: [] }]);
  lab.degraded = [STALE];
  t.strictSame(await ready(), [200, { status: 'degraded', reasons: [shown(STALE)] }]);
  lab.degraded = [STALE, SEEDLESS];
  t.strictSame(await ready(), [503, { status: 'refusing', reasons: [shown(STALE), shown(SEEDLESS)] }]);
  lab.draining = true;
  t.match(await ready(), [
    503,
    { status: 'draining', reasons: [{ code: 'draining' }, shown(STALE), shown(SEEDLESS)] },
  ]);
});

t.test('metrics are for everybody, for admin keys, or for nobody', async t => {
  const open = await OpsLab.start(t);
  const answer = await open.ask({ target: '/metrics' });
  t.equal(answer.status, 200);
  t.equal(answer.head.value('content-type'), 'text/plain; version=0.0.4');
  t.equal(answer.body.toString(), 'up 1\n');

  const viewer = await OpsLab.start(t, { settings: { metrics: 'viewer' } });
  t.equal((await viewer.ask({ target: '/metrics' })).status, 401);
  t.equal((await viewer.askAs('no-such-key-0123456789', { target: '/metrics' })).status, 401);
  for (const key of Object.values(KEYS))
    t.equal((await viewer.askAs(key, { target: '/metrics' })).status, 200);

  const off = await OpsLab.start(t, { settings: { metrics: 'off' } });
  const none = await OpsLab.start(t, { house: { metrics: () => null } });
  for (const lab of [off, none]) {
    const answer = await lab.askAs(KEYS.admin, { target: '/metrics' });
    t.strictSame([answer.status, codeOf(answer)], [404, 'metrics_off']);
  }
});

t.test('metrics that cannot be made are a fault of ours', async t => {
  const broken = new Error('broken');
  const lab = await OpsLab.start(t, { house: { metrics: () => Promise.reject(broken) } });
  const answer = await lab.ask({ target: '/metrics' });
  t.strictSame([answer.status, codeOf(answer)], [500, 'internal']);
  t.equal(lab.bugs[0]?.error, broken);
});

t.test('the first page lists everything with its role', async t => {
  const routes = [
    echoRoute({ method: 'GET', path: '/things', role: 'viewer' }),
    echoRoute({ method: 'DELETE', path: '/things/:id', role: 'operator' }),
  ];
  const lab = await OpsLab.start(t, { routes });
  const answer = await lab.ask({ target: '/' });
  t.equal(answer.status, 200);
  t.equal(answer.head.value('content-type'), 'text/plain; charset=utf-8');
  const page = answer.body.toString();
  t.match(page, /^Weir 1\.2\.3/);
  for (const line of [
    / GET +\/livez +open /,
    / GET +\/readyz +open /,
    / GET +\/metrics +open /,
    / GET +\/things +viewer +GET \/things\n/,
    / DELETE +\/things\/:id +operator +DELETE /,
  ])
    t.match(page, line);
  t.notMatch(page, /are off/);

  const off = await OpsLab.start(t, { routes, settings: { adminKeys: [], metrics: 'off' } });
  const page2 = (await off.ask({ target: '/' })).body.toString();
  t.match(page2, / GET +\/metrics +off /);
  t.match(page2, /are off.*\n +ops: \{ adminKeys/);
});

t.test('HEAD has the head of GET, other methods are told what there is', async t => {
  const lab = await OpsLab.start(t, {
    routes: [echoRoute({ method: 'GET', path: '/things', role: 'viewer' })],
  });
  for (const target of ['/', '/livez', '/readyz', '/metrics', '/things']) {
    const [get, head] = [
      await lab.askAs(KEYS.viewer, { target }),
      await lab.askAs(KEYS.viewer, { method: 'HEAD', target }),
    ];
    t.equal(head.status, 200, target);
    t.equal(head.head.value('content-length'), String(get.body.length), target);
    t.equal(head.body.length, 0, target);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
      const answer = await lab.askAs(KEYS.admin, { method, target });
      t.strictSame([answer.status, codeOf(answer)], [405, 'method_not_allowed'], `${method} ${target}`);
      t.equal(answer.head.value('allow'), 'GET, HEAD');
    }
  }
});

t.test('every answer is for nobody’s cache and no page of another origin', async t => {
  const lab = await OpsLab.start(t);
  for (const target of ['/', '/livez', '/readyz', '/metrics', '/nothing', '//', '/livez?x=1']) {
    const { head } = await lab.ask({ target });
    t.equal(head.value('cache-control'), 'no-store', target);
    t.equal(head.value('x-content-type-options'), 'nosniff', target);
    t.equal(head.value('access-control-allow-origin'), null, target);
    t.match(head.value('x-weir-request-id'), /^ops-[0-9a-f-]{36}$/, target);
  }
  const named = await lab.ask({ target: '/livez', fields: [['x-request-id', 'mine-1']] });
  t.equal(named.head.value('x-weir-request-id'), 'mine-1');
});

t.test('the page on operations lists the codes and the roles as they are', async t => {
  const page = read('docs/ops.md');
  const described = tableRows(page, 'status').flatMap(([status, codes]) =>
    [...codes!.matchAll(/`([^`]+)`/g)].map(match => ({ status: status!, code: match[1]! })),
  );
  const sources = filesBelow('lib/admin').map(read).join('\n');
  const answered = [...sources.matchAll(/errorAnswer\(\s*(\d+),\s*'(\w+)'/g)].map(match => [
    match[1]!,
    match[2]!,
  ]);
  t.ok(answered.length > 12);
  for (const [status, code] of answered)
    t.ok(
      described.some(row => row.code === code && row.status.includes(status!)),
      `${status} ${code}`,
    );
  // Routes of features answer with codes of their own.
  const everything = filesBelow('lib').map(read).join('\n');
  t.strictSame(
    described.filter(({ code }) => !everything.includes(`'${code}'`)),
    [],
  );
});
