import t from 'tap';
import { type AdminRoute, ROLES } from '../../lib/pipeline/index.ts';
import { exchange } from '../client/index.ts';
import { authorisationCases, checkAuthorisation } from './authorisation.ts';
import { bearer, codeOf, echoRoute, KEYS, OpsLab } from './ops-lab.ts';

/** Every method with every role, with parameters and without. */
const ROUTES: readonly AdminRoute[] = ROLES.flatMap(role => [
  echoRoute({ method: 'GET', path: `/${role}-things`, role }),
  echoRoute({ method: 'POST', path: `/${role}-things`, role }),
  echoRoute({ method: 'DELETE', path: `/${role}-things/:kind/:id`, role }),
]);
const STRANGERS = { wrong: 'no-such-key-0123456789', client: 'client-CANARY-9f2e77a1b0' };

t.test('every route with every credential', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const cases = authorisationCases(ROUTES);
  t.equal(cases.length, ROUTES.length * 6);
  await checkAuthorisation(t, lab.port, cases, { ...STRANGERS, ...KEYS });
  const admitted = cases.filter(({ expected }) => expected === 'admitted');
  t.equal(lab.requests.length, admitted.length, 'no route ran for anybody else');
  t.equal(lab.audits.length, admitted.filter(({ method }) => method !== 'GET').length);
  t.strictSame(lab.bugs, []);
});

t.test('without an admin key there are no admin calls, whatever is tried', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES, settings: { adminKeys: [] } });
  for (const { method, target, name } of authorisationCases(ROUTES)) {
    const answer = await lab.askAs(KEYS.admin, { method, target });
    t.strictSame([answer.status, codeOf(answer)], [404, 'admin_disabled'], name);
    t.match(answer.body.toString(), /ops: \{ adminKeys: \[/, 'says what to add');
  }
  t.strictSame(lab.requests, []);
});

t.test('a key may come as x-api-key, and nowhere else', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const target = '/viewer-things';
  const good = [
    [['x-api-key', KEYS.viewer]],
    [['authorization', `bearer   ${KEYS.viewer}`]],
    [...bearer(KEYS.viewer), ['X-Api-Key', KEYS.viewer]],
  ] as const;
  for (const fields of good) t.equal((await lab.ask({ target, fields })).status, 200, String(fields));
  const bad = [
    [['authorization', KEYS.viewer]],
    [['authorization', `Basic ${KEYS.viewer}`]],
    [['x-goog-api-key', KEYS.viewer]],
    [['cookie', `key=${KEYS.viewer}`]],
    [...bearer(KEYS.viewer), ['x-api-key', KEYS.admin]],
    [
      ['x-api-key', KEYS.viewer],
      ['x-api-key', 'another-key-0123456789'],
    ],
    [['x-api-key', '']],
    bearer(`${KEYS.viewer} `.repeat(2)),
    bearer(KEYS.viewer.slice(0, -1)),
    bearer(KEYS.viewer.toLowerCase()),
  ] as const;
  for (const fields of bad) {
    const answer = await lab.ask({ target, fields });
    t.equal(answer.status, 401, String(fields));
    t.equal(answer.head.value('www-authenticate'), 'Bearer');
  }
  t.equal((await lab.ask({ target: `${target}?key=${KEYS.viewer}` })).status, 401);
});

t.test('an address that guesses is refused, whatever it brings then; others are not', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES, badCredentialsMax: 3 });
  const target = '/viewer-things';
  for (let i = 0; i < 3; i++) {
    t.equal((await lab.ask({ target })).status, 401, 'no key at all is no guess');
    t.equal((await lab.askAs(KEYS.viewer, { method: 'POST', target: '/admin-things' })).status, 403);
  }
  for (let i = 0; i < 3; i++) t.equal((await lab.askAs(`guess-${i}-0123456789`, { target })).status, 401);
  for (const key of ['guess-0123456789', KEYS.viewer]) {
    const answer = await lab.askAs(key, { target });
    t.strictSame([answer.status, codeOf(answer)], [429, 'too_many_attempts']);
    t.equal(answer.head.value('retry-after'), '42');
  }
  t.equal((await lab.ask({ target: '/readyz' })).status, 200, 'what needs no key is answered');
  t.strictSame([...lab.badCredentials.counts], [['127.0.0.1', 3]]);
  lab.badCredentials.counts.clear();
  t.equal((await lab.askAs(KEYS.viewer, { target })).status, 200);
});

t.test('reloaded keys count at once, on open connections too', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const target = '/viewer-things';
  t.equal((await lab.askAs(KEYS.viewer, { target })).status, 200);
  const [viewer, operator] = lab.settings.adminKeys;
  lab.listener.update({ ...lab.settings, adminKeys: [operator!] });
  t.equal((await lab.askAs(KEYS.viewer, { target })).status, 401);
  t.equal((await lab.askAs(KEYS.operator, { target })).status, 200);
  lab.listener.update({ ...lab.settings, adminKeys: [] });
  t.equal(codeOf(await lab.askAs(KEYS.operator, { target })), 'admin_disabled');
  lab.listener.update({ ...lab.settings, adminKeys: [viewer!], metrics: 'viewer' });
  t.equal((await lab.ask({ target: '/metrics' })).status, 401);
});

t.test('admin keys are seen nowhere', async t => {
  const lab = await OpsLab.start(t, {
    routes: [
      {
        method: 'POST',
        path: '/leaky',
        role: 'viewer',
        summary: 'hands out what it has',
        run: request => ({ status: 200, body: { request, settings: lab.settings } }),
      },
    ],
  });
  const answer = await lab.askAs(KEYS.admin, { target: '/leaky', body: '{}' });
  t.equal(answer.status, 200);
  const home = await exchange(lab.port, { target: '/' });
  const seen = `${answer.body}${home.body}${JSON.stringify(lab.audits)}`;
  t.notMatch(seen, /CANARY/);
});
