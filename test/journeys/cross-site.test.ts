import t from 'tap';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, type Lab, POOL_KEY, startLab } from './lab.ts';

const upstream = await up.Upstream.start();
t.teardown(() => upstream.close());
upstream.reply(
  up.respond(
    200,
    [
      ['Access-Control-Allow-Origin', '*'],
      ['X-Kept', '1'],
    ],
    'reached',
  ),
);

/** Everybody who can reach the port may spend the pool key. */
const open = await startLab(t, {
  config: {
    providers: {
      lab: { origin: upstream.origin, dialect: 'openai', auth: 'none' },
      openai: { origin: upstream.origin, keys: ['env:TEST_POOL_KEY'] },
    },
    auth: { open: true },
    listen: {
      port: 0,
      hosts: ['weir.example', 'Gateway.Internal'],
      cors: ['https://app.example', 'http://localhost:3000'],
    },
  },
});
const byo = await startLab(t, {
  config: {
    providers: {
      lab: { origin: upstream.origin, dialect: 'openai', auth: 'none' },
      openai: { origin: upstream.origin },
    },
    auth: {},
  },
});

const OWN = [
  [],
  [['Host', '127.0.0.1']],
  [['Host', 'localhost']],
  [['Host', 'LOCALHOST:8787']],
  [['Host', '[::1]:8787']],
  [['Host', '10.1.2.3']],
] as const;
const FOREIGN: readonly Fields[] = [
  [['Origin', 'https://evil.test']],
  [['Origin', 'null']],
  [['Origin', 'http://127.0.0.1:8787']],
  [['Origin', 'https://app.example.evil.test']],
  [['Origin', 'https://APP.example']],
  [['Origin', 'http://app.example']],
  [['Origin', '']],
  [['Sec-Fetch-Site', 'cross-site']],
  [['Sec-Fetch-Site', 'same-site']],
  [['Host', 'evil.test']],
  [['Host', 'evil.test:8787']],
  [['Host', 'localhost.evil.test']],
  [['Host', '127.0.0.1.evil.test']],
  [['Host', 'weir.example.evil.test']],
];
const ALLOWED: readonly Fields[] = [
  [['Origin', 'https://app.example']],
  [['Origin', 'http://localhost:3000']],
  [['Host', 'weir.example']],
  [['Host', 'WEIR.example:8787']],
  [['Host', 'gateway.internal']],
  [['Sec-Fetch-Site', 'none']],
  [['Sec-Fetch-Site', 'same-origin']],
];

async function refused(lab: Lab, target: string, fields: Fields, method = 'POST'): Promise<boolean> {
  const seen = upstream.requests.length;
  const answer = await lab.ask({
    target,
    method,
    fields,
    ...(method === 'POST' ? { body: '{"model":"m"}' } : {}),
  });
  if (answer.status === 200) return false;
  if (answer.status !== 403 || answer.head.value('x-weir-error') !== 'cross_site')
    throw new Error(`status ${answer.status}: ${answer.body}`);
  if (upstream.requests.length !== seen) throw new Error('the provider saw a refused request');
  return true;
}

t.test('a web page cannot spend an open gateway’s pool key, nor reach a keyless provider', async t => {
  for (const target of ['/openai/v1/chat/completions', '/lab/v1/chat/completions']) {
    for (const method of ['POST', 'GET']) {
      for (const fields of FOREIGN)
        t.ok(await refused(open, target, fields, method), `${method} ${target} ${fields}`);
      for (const fields of [...OWN, ...ALLOWED])
        t.notOk(await refused(open, target, fields, method), `${method} ${target} ${fields}`);
    }
  }
  t.equal(upstream.requests.at(-1)!.value('authorization'), null, 'lab needs no key');
});

t.test('the refusal comes before the body is read and is settled', async t => {
  const refusals = open.refusals('cross_site');
  const fields: Fields = [
    ['Origin', 'https://evil.test'],
    ['Content-Length', '999'],
  ];
  const answer = await open.ask({ target: '/openai/v1/x', fields, method: 'POST' });
  t.equal(answer.status, 403);
  t.equal(answer.head.value('access-control-allow-origin'), null);
  t.equal(answer.head.value('connection'), 'close');
  await open.refusalCount('cross_site', refusals + 1);
  t.match(open.weir.facts.findLast(({ errorCode }) => errorCode === 'cross_site')!, {
    outcome: 'refused',
    status: 403,
    provider: /^(?:openai|lab)$/,
  });
});

t.test(
  'without a config of keys a local provider is guarded, one that needs the client’s own key is not',
  async t => {
    for (const fields of FOREIGN.slice(0, 2)) t.ok(await refused(byo, '/lab/v1/x', fields));
    t.ok(await refused(byo, '/lab/v1/x', [['Host', 'evil.test']]));
    for (const fields of FOREIGN)
      t.notOk(await refused(byo, '/openai/v1/x', [...fields, ['Authorization', 'Bearer sk-mine']]));
  },
);

t.test('where a client key is asked for, a page without it gets 401 and with it is served', async t => {
  const keyed = await startLab(t, {
    config: {
      providers: { openai: { origin: upstream.origin, keys: ['env:TEST_POOL_KEY'] } },
      auth: { staticKeys: [{ id: 'team', key: 'env:TEST_CLIENT_KEY' }] },
    },
  });
  const page: Fields = [
    ['Origin', 'https://evil.test'],
    ['Host', 'evil.test'],
  ];
  t.equal((await keyed.ask({ target: '/openai/v1/models', fields: page })).status, 401);
  t.equal((await keyed.ask({ target: '/openai/v1/models', fields: [...page, ...AS_TEAM] })).status, 200);
  t.equal(upstream.requests.at(-1)!.value('authorization'), `Bearer ${POOL_KEY}`);
});

t.test('preflights of allowed pages are answered here, of others refused', async t => {
  const preflight = (origin: string): Fields => [
    ['Origin', origin],
    ['Access-Control-Request-Method', 'POST'],
    ['Access-Control-Request-Headers', 'authorization,content-type,x-stainless-os'],
  ];
  const seen = upstream.requests.length;
  const allowed = await open.ask({
    target: '/openai/v1/chat/completions',
    method: 'OPTIONS',
    fields: preflight('https://app.example'),
  });
  t.ok(allowed.status === 204 || allowed.status === 200);
  t.equal(allowed.head.value('access-control-allow-origin'), 'https://app.example');
  t.match(allowed.head.value('access-control-allow-headers'), /authorization/i);
  t.match(allowed.head.value('access-control-allow-methods'), /POST/);
  t.match(allowed.head.values('vary').join(), /origin/i);
  const other = await open.ask({
    target: '/openai/v1/chat/completions',
    method: 'OPTIONS',
    fields: preflight('https://evil.test'),
  });
  t.equal(other.status, 403);
  t.equal(other.head.value('access-control-allow-origin'), null);
  t.equal(upstream.requests.length, seen);
});

t.test('an allowed page may read the answer, by our words and not the provider’s', async t => {
  const answer = await open.ask({
    target: '/openai/v1/x',
    fields: [['Origin', 'https://app.example']],
    body: '{}',
  });
  t.same(answer.head.values('access-control-allow-origin'), ['https://app.example']);
  t.equal(answer.head.value('x-kept'), '1');
  const error = await open.ask({ target: '/nobody/x', fields: [['Origin', 'https://app.example']] });
  t.equal(error.status, 404);
  t.equal(error.head.value('access-control-allow-origin'), 'https://app.example');
});

t.test('without listen.cors OPTIONS goes upstream like any method', async t => {
  const answer = await byo.ask({
    target: '/openai/v1/x',
    method: 'OPTIONS',
    fields: [
      ['Origin', 'https://evil.test'],
      ['Access-Control-Request-Method', 'POST'],
    ],
  });
  t.equal(answer.status, 200);
  t.equal(upstream.requests.at(-1)!.method, 'OPTIONS');
  t.equal(answer.head.value('access-control-allow-origin'), '*');
});

t.test('own pages need nothing and give nothing away', async t => {
  for (const target of ['/', '/health']) {
    const answer = await open.ask({
      target,
      fields: [
        ['Origin', 'https://evil.test'],
        ['Host', 'evil.test'],
      ],
    });
    t.equal(answer.status, 200, target);
    t.equal(answer.head.value('access-control-allow-origin'), null);
    t.notOk(String(answer.body).includes(upstream.origin));
  }
});

t.test('afterwards all is well', async t => {
  t.notOk(open.weir.output.includes(POOL_KEY));
  t.equal(open.weir.exit, null);
  t.equal(byo.weir.exit, null);
});
