import t from 'tap';
import { mintKey } from '../../lib/keys/token/mint.ts';
import type { AdminRoute } from '../../lib/pipeline/index.ts';
import { authorisationCases, checkAuthorisation } from '../admin/authorisation.ts';
import { exchange, requestBytes } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, CLIENT_KEY, type Lab } from './lab.ts';
import {
  ADMIN_KEYS,
  adminFacts,
  codeOf,
  ISSUER,
  json,
  metrics,
  OTHER_ISSUER,
  ops,
  startOpsLab,
} from './ops-client.ts';
import { type Sample, total } from './prometheus.ts';

const CHAT = '/openai/v1/chat/completions';
const JSON_TYPE: Fields = [['Content-Type', 'application/json']];
const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString();

const lab = await startOpsLab(t);

t.test('probes, and where they are not', async t => {
  for (const method of ['GET', 'HEAD']) {
    for (const target of ['/', '/livez', '/readyz', '/metrics']) {
      const answer = await ops(lab, method, target);
      t.equal(answer.status, 200, `${method} ${target}`);
      t.equal(answer.body.length > 0, method === 'GET');
    }
  }
  t.match(json(await ops(lab, 'GET', '/readyz')), { status: 'ready', reasons: [] });
  t.equal((await ops(lab, 'POST', '/livez')).status, 405);
  for (const target of [
    '/livez',
    '/readyz',
    '/metrics',
    '/issuers',
    '/providers/keys',
    '/admin',
    '/Admin',
    '/%61dmin',
    '/admin;/x',
  ])
    t.equal((await lab.ask({ target, fields: AS_TEAM })).status, 404, `${target} on the data port`);
  for (const target of ['//admin', '/./admin', '/openai/../admin', '/openai/..%2fmetrics'])
    t.equal((await lab.ask({ target, fields: AS_TEAM })).status, 400, `${target} on the data port`);
  t.equal((await ops(lab, 'GET', CHAT)).status, 404, 'and providers are not on the ops port');
  for (const field of [
    ['Origin', 'http://evil.example'],
    ['Sec-Fetch-Site', 'cross-site'],
    ['Host', 'evil.example'],
  ] as const)
    t.equal(
      (await exchange(lab.weir.opsPort, { target: '/metrics', fields: [field] })).status,
      403,
      field.join(': '),
    );
});

t.test('requests move the metrics', async t => {
  const usage = {
    prompt_tokens: 11,
    completion_tokens: 7,
    total_tokens: 18,
    prompt_tokens_details: { cached_tokens: 4 },
  };
  lab.up.reply(up.respond(200, JSON_TYPE, JSON.stringify({ model: 'gpt-x', usage })));
  const before = await metrics(lab);
  for (let i = 0; i < 3; i++)
    t.equal((await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"model":"gpt-x"}' })).status, 200);
  lab.up.reply(up.respond(500, JSON_TYPE, '{}'));
  t.equal((await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"model":"gpt-x"}' })).status, 500);
  t.equal((await lab.ask({ target: CHAT, body: '{}' })).status, 401);
  t.equal((await lab.ask({ target: '/nobody/x' })).status, 404);
  const after = await metrics(lab);
  const moved = (name: string, labels: Record<string, string> = {}): number =>
    total(after, name, labels) - total(before, name, labels);
  const chat = { provider: 'openai', operation: 'chat' };
  t.equal(moved('weir_requests_total', { ...chat, outcome: 'complete' }), 4);
  t.equal(moved('weir_requests_total', { ...chat, outcome: 'refused' }), 1);
  t.equal(moved('weir_requests_total'), 6);
  t.equal(moved('weir_refusals_total', { code: 'invalid_key' }), 1);
  t.equal(moved('weir_refusals_total', { code: 'unknown_provider' }), 1);
  t.equal(moved('weir_refusals_total'), 2);
  t.equal(moved('weir_upstream_responses_total', { provider: 'openai', status: '2xx' }), 3);
  t.equal(moved('weir_upstream_responses_total', { provider: 'openai', status: '5xx' }), 1);
  t.equal(moved('weir_tokens_total', { provider: 'openai', kind: 'input' }), 33);
  t.equal(moved('weir_tokens_total', { provider: 'openai', kind: 'output' }), 21);
  t.equal(moved('weir_tokens_total', { provider: 'openai', kind: 'cached_input' }), 12);
  for (const name of ['weir_time_to_first_byte_seconds', 'weir_request_duration_seconds']) {
    t.equal(moved(`${name}_count`, { provider: 'openai' }), 4, name);
    t.equal(moved(`${name}_bucket`, { provider: 'openai', le: '+Inf' }), 4, name);
    t.ok(moved(`${name}_sum`, { provider: 'openai' }) > 0, name);
  }
  t.equal(total(after, 'weir_pool_keys', { provider: 'openai', state: 'usable' }), 1);
});

t.test('a stream is counted while it runs', async t => {
  const gate = up.gate();
  const type: Fields = [
    ['Content-Type', 'text/event-stream'],
    ['Transfer-Encoding', 'chunked'],
  ];
  lab.up.reply([up.head(200, type), up.chunk('data: {}\n\n'), gate, up.chunk('data: [DONE]\n\n'), up.last()]);
  const client = await lab.connect(t);
  await client.send(requestBytes({ target: CHAT, fields: AS_TEAM, body: '{"model":"m","stream":true}' }));
  const body = client.body(await client.expectHead());
  await body.atLeast(1);
  const during = await metrics(lab);
  t.equal(total(during, 'weir_active_streams'), 1);
  t.equal(total(during, 'weir_requests_in_flight'), 1);
  gate.open();
  await body.all();
  t.equal(body.ending, 'complete');
  const after = await metrics(lab);
  t.equal(total(after, 'weir_active_streams'), 0);
  t.equal(total(after, 'weir_requests_in_flight'), 0);
  t.equal(
    total(after, 'weir_requests_total', { outcome: 'complete' }) -
      total(during, 'weir_requests_total', { outcome: 'complete' }),
    1,
  );
});

t.test('labels have few values, and none is a key, a subject, a model or a path', async t => {
  lab.up.reply(up.respond(200, JSON_TYPE, '{"model":"served-by-label-test"}'));
  const visit = async (i: number): Promise<void> => {
    const key = mintKey(ISSUER.secretKey, {
      subject: `subject-${i}`,
      id: `jti-${i}`,
      tags: { team: `team-${i}` },
      expires: inAnHour(),
    });
    const body = JSON.stringify({ model: `model-${i}` });
    const fields: Fields = [
      ['x-api-key', key],
      ['X-Request-Id', `request-${i}`],
      ['User-Agent', `agent-${i}`],
    ];
    t.equal(
      (await lab.ask({ target: `/openai/v1/chat/completions?q=query-${i}`, fields, body })).status,
      200,
    );
    await lab.ask({ target: `/openai/v1/path-${i}`, fields });
    await lab.ask({ target: `/provider-${i}/x`, fields });
    await lab.ask({ target: CHAT, fields: [['x-api-key', `guess-${i}`]], body });
  };
  await visit(0);
  const before = await metrics(lab);
  for (let i = 1; i < 20; i++) await visit(i);
  const after = await metrics(lab);
  const series = (samples: readonly Sample[]): string[] =>
    samples
      // The collector runs when it likes.
      .filter(({ name }) => name !== 'weir_nodejs_gc_seconds_total')
      .map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`);
  t.strictSame(series(after), series(before), 'no new series for new keys, models, paths');
  const values = new Set(after.flatMap(({ labels }) => Object.values(labels)));
  for (const value of values)
    t.notMatch(
      value,
      /subject|jti|team|model|request-|agent|query|path-|provider-|guess|weir_|v4\.|127\.0|pool-1|served/,
      value,
    );
});

/** The table as the listener itself shows it. */
async function routesOf(lab: Lab): Promise<readonly AdminRoute[]> {
  const page = String((await ops(lab, 'GET', '/')).body);
  const rows = [...page.matchAll(/^ +(GET|POST|DELETE) +(\/\S*) +(viewer|operator|admin) +(.+)$/gm)];
  return rows.map(([, method, path, role, summary]) => ({ method, path, role, summary }) as AdminRoute);
}

t.test('every admin call with every credential', async t => {
  const routes = await routesOf(lab);
  t.ok(
    routes.some(({ path }) => path === '/issuers/:issuer/keys'),
    'they are listed',
  );
  const page = String((await ops(lab, 'GET', '/')).body);
  const rows = page.split('\n').filter(line => /^ +[A-Z]+ +\//.test(line));
  t.equal(routes.length + 4, rows.length, 'all but the open pages');
  for (const { method, path, role } of routes) {
    if (method !== 'GET') t.not(role, 'viewer', `${method} ${path} changes something`);
    if (path.startsWith('/issuers') && method !== 'GET')
      t.equal(role, 'admin', 'who mints can do everything a key can');
  }
  const virtual = mintKey(ISSUER.secretKey, { subject: 'alice', expires: inAnHour() });
  for (const client of [CLIENT_KEY, virtual])
    await checkAuthorisation(t, lab.weir.opsPort, authorisationCases(routes), {
      ...ADMIN_KEYS,
      wrong: 'no-such-key-0123456789',
      client,
    });
});

const MINT = `/issuers/${ISSUER.id}/keys`;

t.test('minting', async t => {
  lab.up.reply(up.respond(200, JSON_TYPE, '{}'));
  const claims = {
    subject: 'carol',
    id: 'carols-key',
    expires: inAnHour(),
    providers: ['openai'],
    models: ['gpt-*'],
    rpm: 2,
    tags: { team: 'x' },
  };
  const minted = await ops(lab, 'POST', MINT, 'admin', claims);
  t.equal(minted.status, 201);
  const { key } = json(minted) as { key: string };
  t.match(key, /^weir_v4\.public\./);
  const ask = (target = CHAT, model = 'gpt-x') =>
    lab.ask({ target, fields: [['x-api-key', key]], body: JSON.stringify({ model }) });
  t.equal((await ask()).status, 200);
  t.equal((await ask('/anthropic/v1/messages')).head.value('x-weir-error'), 'not_granted');
  t.equal((await ask(CHAT, 'o3')).head.value('x-weir-error'), 'model_not_granted');
  t.equal((await ask()).head.value('x-weir-error'), 'rate_limited');
  const [used] = lab.weir.journal().facts.filter(({ keyId }) => keyId === 'carols-key');
  t.hasStrict(used, { subject: 'carol', auth: 'virtual', status: 200 });
  t.strictSame(used?.tags, { team: 'x' });
  const record = adminFacts(lab).at(-1);
  t.hasStrict(record, { path: MINT, subject: 'admin-3' });
  t.hasStrict(record?.tags, { subject: 'carol', role: 'admin' });
  t.match(JSON.stringify(record?.tags), 'carols-key', 'the record says which key that was');
  t.notOk(JSON.stringify(adminFacts(lab)).includes(key.split('.')[2]!), 'the key is on no record');

  const expires = inAnHour();
  for (const body of [
    {},
    { subject: 'carol' },
    { expires },
    { subject: 'carol', expires: '30d' },
    { subject: 'carol', expires: '2020-01-01T00:00:00Z', rmp: 5 },
    { subject: 'carol', expires, rmp: 5 },
    { subject: 'carol', expires, rpm: -1 },
    { subject: 'carol', expires, rpm: '5' },
    { subject: 'carol', expires, operations: ['everything'] },
    { subject: 'carol', expires, ips: ['nowhere'] },
    { subject: 'carol', expires: '2099-01-01T00:00:00Z' },
    { subject: 'x'.repeat(300), expires },
    [],
  ]) {
    const answer = await ops(lab, 'POST', MINT, 'admin', body);
    t.equal(answer.status, 400, JSON.stringify(body).slice(0, 80));
    t.equal(codeOf(answer), 'bad_request');
  }
  t.equal(
    (await ops(lab, 'POST', `/issuers/${OTHER_ISSUER.id}/keys`, 'admin', { subject: 'carol', expires }))
      .status,
    409,
  );
  t.equal(
    (await ops(lab, 'POST', '/issuers/k4.pid.nobody/keys', 'admin', { subject: 'carol', expires })).status,
    404,
  );
});

t.test('what the gateway mints it accepts, whatever its own config asks of keys', async t => {
  const strict = await startOpsLab(t, {
    auth: {
      audience: 'prod',
      issuers: [
        { publicKey: ISSUER.publicKey, secretKey: 'env:ISSUER', issuer: 'platform', maxLifetime: '2h' },
      ],
    },
  });
  strict.up.reply(up.respond(200, JSON_TYPE, '{}'));
  const minted = await ops(strict, 'POST', MINT, 'admin', { subject: 'carol', expires: inAnHour() });
  t.equal(minted.status, 201);
  const { key } = json(minted) as { key: string };
  t.equal(
    (await strict.ask({ target: CHAT, fields: [['x-api-key', key]], body: '{"model":"m"}' })).status,
    200,
  );
  const inADay = new Date(Date.now() + 86_400_000).toISOString();
  t.equal((await ops(strict, 'POST', MINT, 'admin', { subject: 'carol', expires: inADay })).status, 400);
});
