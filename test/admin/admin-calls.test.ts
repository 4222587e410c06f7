import fc from 'fast-check';
import t from 'tap';
import type { AdminRoute } from '../../lib/pipeline/index.ts';
import { codeOf, echoRoute, json, KEYS, OpsLab } from './ops-lab.ts';

const ROUTES: readonly AdminRoute[] = [
  echoRoute({ method: 'GET', path: '/things', role: 'viewer' }),
  echoRoute({ method: 'POST', path: '/things', role: 'operator' }),
  echoRoute({ method: 'DELETE', path: '/things/:kind/:id', role: 'operator' }),
  echoRoute({ method: 'GET', path: '/things/:kind/all', role: 'viewer' }),
  echoRoute({ method: 'GET', path: '/things/:kind/:id', role: 'viewer' }),
];

t.test('a call that changes something is recorded before it takes effect', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const answer = await lab.askAs(KEYS.operator, {
    method: 'DELETE',
    target: '/things/key/a%2Fb?why=x',
    body: '{"note":"n"}',
    fields: [['x-request-id', 'call-7']],
  });
  t.equal(answer.status, 200);
  t.strictSame(lab.events, ['audit DELETE /things/key/a%2Fb', 'run DELETE /things/:kind/:id']);
  t.strictSame(lab.audits, [
    {
      admin: 'night-shift',
      role: 'operator',
      method: 'DELETE',
      path: '/things/key/a%2Fb',
      requestId: 'call-7',
      params: { kind: 'key', id: 'a/b' },
      body: { note: 'n' },
    },
  ]);
  await lab.askAs(KEYS.admin, { target: '/things' });
  t.equal(lab.audits.length, 1, 'reading is not recorded');
});

t.test('what cannot be recorded does not happen', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES, house: { audit: async () => 'unavailable' } });
  const answer = await lab.askAs(KEYS.admin, { target: '/things', body: '{}' });
  t.strictSame([answer.status, codeOf(answer)], [503, 'audit_unavailable']);
  t.strictSame(lab.requests, []);

  const failing = await OpsLab.start(t, {
    routes: ROUTES,
    house: { audit: () => Promise.reject(new Error('broken')) },
  });
  t.equal((await failing.askAs(KEYS.admin, { target: '/things', body: '{}' })).status, 500);
  t.strictSame(failing.requests, []);
  t.equal(failing.bugs.length, 1);
});

t.test('a route gets its parameters, query, body and who asks', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const listed = await lab.askAs(KEYS.viewer, { target: '/things?kind=key&after=a%20b+c' });
  t.strictSame(json(listed), { params: {}, query: { kind: 'key', after: 'a b c' }, admin: 'viewer-1' });
  const posted = await lab.askAs(KEYS.admin, { target: '/things', body: Buffer.from(' [1, {"a": "é"}] ') });
  t.strictSame(json(posted), { params: {}, query: {}, body: [1, { a: 'é' }], admin: 'admin-3' });
  const precise = await lab.askAs(KEYS.viewer, { target: '/things/key/all' });
  t.strictSame(json(precise), { params: { kind: 'key' }, query: {}, admin: 'viewer-1' });
});

t.test('any name reaches a route as it was', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const name = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 30 })
    .filter(
      text => text.isWellFormed() && text !== '.' && text !== '..' && text !== 'all' && !text.includes('\0'),
    );
  await fc.assert(
    fc.asyncProperty(name, async id => {
      const answer = await lab.askAs(KEYS.viewer, { target: `/things/key/${encodeURIComponent(id)}` });
      t.strictSame((json(answer) as { params: unknown }).params, { kind: 'key', id });
    }),
    { numRuns: 100, examples: [['DOMAIN\\alice'], ['a/../b'], ['%2e'], ['a b']] },
  );
});

t.test('unknown paths are 404, known ones tell their methods', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  for (const target of [
    '/nothing',
    '/things/key',
    '/things/a/b/c',
    '/%74hings',
    '/Things',
    '/things;x',
    '/admin',
  ]) {
    const answer = await lab.askAs(KEYS.admin, { target });
    t.strictSame([answer.status, codeOf(answer)], [404, 'unknown_path'], target);
  }
  const cases = [
    ['PUT', '/things', 'GET, HEAD, POST'],
    ['POST', '/things/key/1', 'DELETE, GET, HEAD'],
    ['OPTIONS', '/things', 'GET, HEAD, POST'],
  ] as const;
  for (const [method, target, allow] of cases) {
    const answer = await lab.askAs(KEYS.admin, { method, target });
    t.strictSame([answer.status, answer.head.value('allow')], [405, allow]);
  }
});

t.test('a body must be JSON that two readers read alike', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const deep = '['.repeat(40) + ']'.repeat(40);
  const cases: readonly (readonly [string | Buffer, RegExp])[] = [
    ['{', /is not JSON/],
    ['kind=key&id=a', /is not JSON/],
    [Buffer.from('{"a":"\xff"}', 'latin1'), /is not UTF-8/],
    ['{"a":1,"a":1}', /twice/],
    ['{"x":{"a":1,"b":{},"a":1}}', /twice/],
    ['[{"b":1,"\\u0062":2}]', /name that is not accepted/],
    ['{"\\\\":1}', /name that is not accepted/],
    ['{"x":[{"__proto__":{"role":"admin"}}]}', /name that is not accepted/],
    [deep, /nested too deeply/],
  ];
  for (const [body, message] of cases) {
    const answer = await lab.askAs(KEYS.admin, { target: '/things', body });
    t.strictSame([answer.status, codeOf(answer)], [400, 'bad_json'], String(body));
    t.match(answer.body.toString(), message);
  }
  t.strictSame(lab.events, [], 'nothing ran, nothing was recorded');
  const good = [
    '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    '{"a":"\\u0062: {\\"a\\":1}","b":"}"}',
    '"\\\\"',
    'null',
    '0',
  ];
  for (const body of good) {
    const answer = await lab.askAs(KEYS.admin, { target: '/things', body });
    t.equal(answer.status, 200, body);
    t.strictSame((json(answer) as { body: unknown }).body, JSON.parse(body), body);
  }
});

t.test('the check of names agrees with every document that has plain, distinct ones', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const plain = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    Object.entries(value).every(
      ([name, member]) =>
        (Array.isArray(value) || (JSON.stringify(name) === `"${name}"` && name !== '__proto__')) &&
        plain(member),
    );
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async value => {
      const body = Buffer.from(JSON.stringify(value));
      const answer = await lab.askAs(KEYS.admin, { target: '/things', body });
      t.equal(answer.status, plain(value) ? 200 : 400, JSON.stringify(value));
    }),
    { numRuns: 100 },
  );
});

t.test('a route that fails is a fault of ours, told to the log alone', async t => {
  const run = (): never => {
    throw new Error(`cannot use ${KEYS.admin}`);
  };
  const unprintable: AdminRoute = {
    method: 'GET',
    path: '/unprintable',
    role: 'viewer',
    summary: '',
    run: () => ({ status: 200, body: 1n }),
  };
  const lab = await OpsLab.start(t, {
    routes: [{ method: 'POST', path: '/broken', role: 'admin', summary: '', run }, unprintable],
  });
  const answer = await lab.askAs(KEYS.admin, { method: 'POST', target: '/broken' });
  t.strictSame([answer.status, codeOf(answer)], [500, 'internal']);
  t.notMatch(answer.body.toString(), /cannot use/);
  t.equal(answer.head.value('x-weir-request-id'), lab.bugs[0]!.requestId);
  t.equal((await lab.askAs(KEYS.admin, { target: '/unprintable' })).status, 500);
  t.equal((await lab.ask({ target: '/livez' })).status, 200);
});

t.test('two routes that are one are a mistake of ours', async t => {
  for (const path of ['/things/:other/:name', '/livez']) {
    const routes = [...ROUTES, echoRoute({ method: 'GET', path, role: 'viewer' })];
    const lab = await OpsLab.start(t, { routes });
    t.equal((await lab.askAs(KEYS.viewer, { target: '/things' })).status, 500);
    t.match(String(lab.bugs[0]?.error), /two admin routes for GET/);
  }
});
