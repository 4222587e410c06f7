import t from 'tap';
import { type Exchanged, readAnswer, requestBytes } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, startLab } from './lab.ts';

type Body = Record<string, unknown>;

/** How each dialect words an error; CONTRACT §7. */
const SHAPES: readonly (readonly [
  provider: string,
  path: string,
  shape: (answer: Exchanged, body: Body) => [unknown, unknown],
])[] = [
  ['openai', '/v1/chat/completions', (_, body) => [(body.error as Body).message, (body.error as Body).code]],
  [
    'anthropic',
    '/v1/messages',
    (_, body) => [(body.error as Body).message, body.type === 'error' ? (body.error as Body).type : null],
  ],
  [
    'google',
    '/v1beta/models/m:generateContent',
    (_, body) => [(body.error as Body).message, (body.error as Body).status],
  ],
  ['ollama', '/api/chat', (_, body) => [body.error, 'none']],
  ['cohere', '/v2/chat', (_, body) => [body.message, 'none']],
  ['bedrock', '/model/m/converse', (answer, body) => [body.message, answer.head.value('x-amzn-errortype')]],
];

const closed = await up.closedPort();
const lab = await startLab(t);
lab.up.reply(up.respond(200, [], 'reached'));
const apart = await startLab(t, {
  config: {
    limits: { bodyBytes: 2048 },
    providers: {
      lab: { origin: lab.up.origin, dialect: 'openai', auth: 'none' },
      ...Object.fromEntries(
        SHAPES.map(([name]) => [
          name,
          {
            origin: `http://127.0.0.1:${closed}`,
            ...(name === 'bedrock' ? { auth: 'bearer' } : {}),
            keys: ['env:TEST_POOL_KEY'],
          },
        ]),
      ),
    },
  },
});
apart.up.reply(up.respond(200, [], 'reached'));
const slowHead = await startLab(t, { config: { timeouts: { headersMs: 200 } } });
const slowBody = await startLab(t, { config: { timeouts: { bodyIdleMs: 300 } } });

t.test('names that are no provider', async t => {
  const targets = [
    '/nobody/v1',
    '/Lab/x',
    '/LAB/x',
    '/lab.',
    '/lab;x=1/v1',
    '/lab%2fv1',
    '/%6cab/x',
    '/%6Cab',
    '/__proto__/v1',
    '/constructor/x',
    '/toString',
    '/hasOwnProperty/x',
    '/admin',
    '/%61dmin',
    '/admin;/',
    '/metrics',
    '/readyz',
    '/%D0%BEpenai/v1',
    '/realtime',
    '/v9/x',
  ];
  const refusals = lab.refusals('unknown_provider');
  for (const target of targets) {
    const answer = await lab.ask({ target });
    t.equal(answer.status, 404, target);
    t.equal(answer.head.value('x-weir-error'), 'unknown_provider', target);
  }
  await lab.refusalCount('unknown_provider', refusals + targets.length);
  t.match(lab.weir.facts.findLast(({ errorCode }) => errorCode === 'unknown_provider')!, {
    outcome: 'refused',
    provider: null,
  });
});

for (const [provider, path, shape] of SHAPES) {
  t.test(`${provider}: every refusal is worded in its dialect`, async t => {
    const base = `/${provider}${path}`;
    const big: Fields = [['Content-Length', '100000']];
    const cases: [string, number, Parameters<typeof apart.ask>[0]][] = [
      [
        'ambiguous_credentials',
        400,
        { target: base, method: 'POST', fields: [...AS_TEAM, ['x-api-key', 'weir_other']] },
      ],
      ['invalid_key', 401, { target: base, method: 'POST', fields: [['x-api-key', 'weir_forged']] }],
      ['body_too_large', 413, { target: base, method: 'POST', fields: [...AS_TEAM, ...big] }],
      ['expectation_failed', 417, { target: base, method: 'POST', fields: [...AS_TEAM, ['Expect', 'x']] }],
      [
        'upgrade_required',
        426,
        {
          target: base,
          fields: [
            ['Connection', 'upgrade'],
            ['Upgrade', 'websocket'],
          ],
        },
      ],
      ['upstream_unreachable', 502, { target: base, method: 'POST', fields: AS_TEAM, body: '{"model":"m"}' }],
    ];
    for (const [code, status, parts] of cases) {
      const { answer, fact } = await apart.askForFact(parts);
      t.equal(answer.status, status, code);
      t.equal(answer.head.value('x-weir-error'), code);
      t.match(answer.head.value('content-type'), /^application\/json/);
      t.match(answer.head.value('x-should-retry'), /^(?:true|false)$/);
      const [message, kind] = shape(answer, JSON.parse(String(answer.body)) as Body);
      t.type(message, 'string');
      t.type(kind, 'string', 'the dialect’s own kind of error');
      t.notMatch(String(answer.body), /127\.0\.0\.1|ECONN|weir_|sk-/);
      t.match(fact, { errorCode: code, status, provider, inputTokens: null, outputTokens: null });
    }
  });
}

t.test('an unknown provider is worded by the path’s suffix', async t => {
  const worded = async (target: string): Promise<Body> =>
    JSON.parse(String((await apart.ask({ target, method: 'POST' })).body)) as Body;
  t.equal((await worded('/nobody/v1/messages')).type, 'error');
  t.equal(((await worded('/nobody/v1beta/models/m:generateContent')).error as Body).code, 404);
  t.equal(((await worded('/nobody/v1beta/models/m:streamGenerateContent')).error as Body).code, 404);
  t.equal(((await worded('/nobody/v1/chat/completions')).error as Body).code, 'unknown_provider');
});

t.test('the order of checks: the first failure wins', async t => {
  const bad: Fields = [['Authorization', 'Bearer weir_bad']];
  const big: Fields = [['Content-Length', '1000000']];
  const order: [string, Parameters<typeof apart.ask>[0]][] = [
    [
      'bad_transfer_coding',
      { target: '/nobody//x', method: 'TRACE', fields: [['Transfer-Encoding', 'gzip, chunked'], ...bad] },
    ],
    ['method_not_allowed', { target: '/nobody//x', method: 'TRACE', fields: bad }],
    ['bad_target', { target: '/nobody//x', method: 'POST', fields: [...bad, ...big] }],
    ['unknown_provider', { target: '/nobody/x', method: 'POST', fields: [...bad, ...big] }],
    ['body_too_large', { target: '/openai/x', method: 'POST', fields: [...bad, ...big] }],
    ['invalid_key', { target: '/openai/x', method: 'POST', fields: bad, body: '{}' }],
  ];
  for (const [code, parts] of order) t.equal((await apart.ask(parts)).head.value('x-weir-error'), code);
});

t.test('a refused Expect gets its answer, never a 100', async t => {
  const client = await lab.connect(t);
  const fields: Fields = [
    ['Authorization', 'Bearer weir_bad'],
    ['Expect', '100-continue'],
    ['Content-Length', '5'],
  ];
  await client.send(requestBytes({ target: '/openai/v1/x', method: 'POST', fields }));
  const head = await client.expectHead();
  t.equal(head.status, 401);
  t.equal(head.value('connection'), 'close');
});

t.test('HEAD gets a refusal’s head without its body', async t => {
  const client = await lab.connect(t);
  await client.send('HEAD /nobody/x HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const answer = await readAnswer(client, 'HEAD');
  t.equal(answer.status, 404);
  await client.send(requestBytes({ target: '/lab/x' }));
  t.equal((await readAnswer(client, 'GET')).status, 200);
});

t.test('a slow head is cut with 408', async t => {
  const client = await slowHead.connect(t);
  await client.send('GET /lab/x HTTP/1.1\r\nHost: loc');
  const answer = await readAnswer(client, 'GET');
  t.equal(answer.status, 408);
  t.equal(answer.head.value('x-weir-error'), 'request_timeout');
  await client.ended();
});

t.test('a stalled upload is cut with 408', async t => {
  for (const length of ['1000', '1000000']) {
    slowBody.up.reply(up.respond(200, [], 'ok'));
    const client = await slowBody.connect(t);
    const { id, field } = slowBody.tag();
    await client.send(
      requestBytes({ target: '/lab/x', method: 'POST', fields: [field, ['Content-Length', length]] }),
    );
    await client.send('some');
    const answer = await readAnswer(client, 'POST');
    t.equal(answer.status, 408);
    t.equal(answer.head.value('x-weir-error'), 'request_timeout');
    await client.ended();
    t.match(await slowBody.fact(id), { outcome: 'refused', errorCode: 'request_timeout' });
  }
});

t.test('afterwards all is well', async t => {
  await lab.check(t);
  await apart.check(t);
});
