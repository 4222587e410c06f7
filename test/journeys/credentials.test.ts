import t from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import type { Exchanged } from '../client/index.ts';
import { startWeir } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { CLIENT_KEY, type Lab, POOL_KEY, startLab } from './lab.ts';

const OTHER_KEY = 'other-2c9e7710ff';
const upstream = await up.Upstream.start();
t.teardown(() => upstream.close());
upstream.reply(up.respond(200, [], 'reached'));

const keys = ['env:TEST_POOL_KEY'];
const shipped = { origin: upstream.origin, keys };
const providers = {
  lab: { origin: upstream.origin, dialect: 'openai', auth: 'none' },
  openai: { origin: upstream.origin, keys: [{ id: 'main', key: 'env:TEST_POOL_KEY' }] },
  keyless: { origin: upstream.origin, dialect: 'openai', auth: 'bearer' },
  anthropic: shipped,
  google: shipped,
  azure: { origin: upstream.origin, keys },
  elevenlabs: shipped,
  deepgram: shipped,
  assemblyai: shipped,
};
const staticKeys = [
  { id: 'team', key: 'env:TEST_CLIENT_KEY', subject: 'team-a', tags: { cost: 'r1' } },
  {
    id: 'narrow',
    key: 'env:TEST_OTHER_KEY',
    grant: { providers: ['openai'], operations: ['chat'] },
  },
];
const weir = { env: { TEST_OTHER_KEY: OTHER_KEY } };
const closedLab = await startLab(t, { config: { providers, auth: { staticKeys } }, weir });
const byoLab = await startLab(t, { config: { providers, auth: { staticKeys, byo: true } }, weir });

const bearer = (value: string): readonly [string, string] => ['Authorization', `Bearer ${value}`];
const PATH = '/openai/v1/chat/completions';

interface Outcome {
  readonly answer: Exchanged;
  readonly fact: Fact;
  /** The request as the provider saw it; null where it saw none. */
  readonly request: up.RecordedRequest | null;
}

async function ask(lab: Lab, fields: Fields, target = PATH, method = 'POST'): Promise<Outcome> {
  const seen = upstream.requests.length;
  const body = method === 'POST' ? { body: '{"model":"m"}' } : {};
  const { answer, fact } = await lab.askForFact({ target, method, fields, ...body });
  return { answer, fact, request: upstream.requests[seen] ?? null };
}

/** Every value in the fields that may carry a credential. */
function credentials(request: up.RecordedRequest): readonly string[] {
  return ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'xi-api-key'].flatMap(name =>
    request.values(name),
  );
}

t.test(
  'a static key is found wherever a client may put it, and the pool key goes up in the provider’s own scheme',
  async t => {
    const places: readonly (readonly [name: string, fields: Fields, query: string])[] = [
      ['Authorization: Bearer', [bearer(CLIENT_KEY)], ''],
      ['authorization: bearer', [['authorization', `bearer  ${CLIENT_KEY}`]], ''],
      ['x-api-key', [['x-api-key', CLIENT_KEY]], ''],
      ['api-key', [['Api-Key', CLIENT_KEY]], ''],
      ['x-goog-api-key', [['X-Goog-Api-Key', CLIENT_KEY]], ''],
      ['?key=', [], `?key=${CLIENT_KEY}`],
      ['?k%65y=', [], `?a=1&k%65y=${CLIENT_KEY}&b=2`],
      ['the same twice', [bearer(CLIENT_KEY), ['x-api-key', CLIENT_KEY]], `?key=${CLIENT_KEY}`],
      ['beside a BYO key', [bearer('sk-own'), ['x-api-key', CLIENT_KEY]], ''],
      ['beside two BYO keys', [bearer(CLIENT_KEY), ['x-api-key', 'sk-a'], ['api-key', 'sk-b']], '?key=sk-c'],
    ];
    for (const lab of [closedLab, byoLab]) {
      for (const [name, fields, query] of places) {
        const { answer, fact, request } = await ask(lab, fields, PATH + query);
        t.equal(answer.status, 200, name);
        t.same(credentials(request!), [`Bearer ${POOL_KEY}`], name);
        t.notMatch(request!.target, /k(?:e|%65)y=/, name);
        t.match(fact, {
          auth: 'static',
          keyId: 'team',
          subject: 'team-a',
          tags: { cost: 'r1' },
          poolKey: 'main',
          path: PATH,
        });
        t.notOk(JSON.stringify(fact).includes(CLIENT_KEY), name);
      }
    }
    const kept = await ask(closedLab, [], `${PATH}?a=1&k%65y=${CLIENT_KEY}&b=%20&monkey=2`);
    t.equal(kept.request!.target, '/v1/chat/completions?a=1&b=%20&monkey=2');
  },
);

t.test('each scheme puts the pool key where its provider wants it', async t => {
  const schemes: readonly (readonly [target: string, field: string, value: string])[] = [
    ['/openai/v1/models', 'authorization', `Bearer ${POOL_KEY}`],
    ['/anthropic/v1/models', 'x-api-key', POOL_KEY],
    ['/google/v1beta/models', 'x-goog-api-key', POOL_KEY],
    ['/azure/openai/v1/models', 'api-key', POOL_KEY],
    ['/elevenlabs/v1/models', 'xi-api-key', POOL_KEY],
  ];
  for (const [target, field, value] of schemes) {
    const { answer, request } = await ask(closedLab, [bearer(CLIENT_KEY)], target, 'GET');
    t.equal(answer.status, 200, target);
    t.same(credentials(request!), [value], target);
    t.equal(request!.value(field), value, target);
  }
});

t.test('schemes with an Authorization of their own take the client’s key in that form', async t => {
  const wide = await startLab(t, {
    config: {
      providers,
      auth: {
        staticKeys: [
          {
            id: 'wide',
            key: 'env:TEST_CLIENT_KEY',
            grant: { operations: ['other', 'transcription', 'speech', 'models'] },
          },
        ],
      },
    },
  });
  const forms: readonly (readonly [target: string, fields: Fields, value: string])[] = [
    ['/deepgram/v1/listen', [['Authorization', `Token ${CLIENT_KEY}`]], `Token ${POOL_KEY}`],
    ['/deepgram/v1/listen', [bearer(CLIENT_KEY)], `Token ${POOL_KEY}`],
    ['/assemblyai/v2/transcript', [['Authorization', CLIENT_KEY]], POOL_KEY],
    ['/elevenlabs/v1/speech-to-text', [['xi-api-key', CLIENT_KEY]], POOL_KEY],
  ];
  for (const [target, fields, value] of forms) {
    const { answer, request } = await ask(wide, fields, target);
    t.equal(answer.status, 200, `${target} ${answer.body}`);
    t.same(credentials(request!), [value], target);
  }
  for (const fields of [
    [['Authorization', `Token ${CLIENT_KEY}`]],
    [['Authorization', CLIENT_KEY]],
    [['Authorization', `Basic ${CLIENT_KEY}`]],
  ] as Fields[]) {
    const { answer } = await ask(wide, fields, '/openai/v1/models', 'GET');
    t.equal(answer.status, 401, 'elsewhere only Bearer is a credential');
  }
});

const FORGED = [
  'weir_',
  'weir_v4.public.AAAA',
  'WEIR_v4.public.AAAA',
  'WeIr_x',
  'sk-x.v4.public.AAAA',
  'v4.public.AAAA',
  'x-V4.PUBLIC.y',
];

t.test(
  'what looks like a key of ours and is none is refused, never forwarded, whatever else is there',
  async t => {
    for (const lab of [closedLab, byoLab]) {
      for (const value of FORGED) {
        for (const fields of [
          [bearer(value)],
          [['x-api-key', value]],
          [bearer('sk-own'), ['api-key', value]],
        ] as Fields[]) {
          const { answer, fact, request } = await ask(lab, fields);
          t.equal(answer.status, 401, value);
          t.equal(answer.head.value('x-weir-error'), 'invalid_key', value);
          t.equal(request, null, `${value} went nowhere`);
          t.notOk(String(answer.body).includes(value), 'the answer does not repeat it');
          t.match(fact, { outcome: 'refused', errorCode: 'invalid_key', status: 401, keyId: null });
        }
        const { answer, request } = await ask(lab, [], `${PATH}?key=${value}`);
        t.equal(answer.status, 401, `?key=${value}`);
        t.equal(request, null);
      }
    }
  },
);

t.test('without byo nothing unknown goes upstream, and all wrong keys get one body', async t => {
  const bodies = new Set<string>();
  const cases: Fields[] = [
    [],
    [bearer('sk-own')],
    [bearer(`${CLIENT_KEY}x`)],
    [bearer(CLIENT_KEY.slice(0, -1))],
    [bearer(CLIENT_KEY.toUpperCase())],
    [['Authorization', '']],
    [['Authorization', 'Bearer']],
    [['Authorization', 'Bearer ']],
    [bearer('weir_x')],
  ];
  for (const fields of cases) {
    const { answer, request } = await ask(closedLab, fields);
    t.equal(answer.status, 401, JSON.stringify(fields));
    t.equal(request, null);
    bodies.add(String(answer.body).replaceAll(answer.head.value('x-weir-request-id')!, 'ID'));
  }
  t.equal(bodies.size, 1);
});

t.test('BYO goes up as it came and is known by a fingerprint only', async t => {
  const fields: Fields = [bearer('sk-own-1'), ['X-Api-Key', 'sk-own-2']];
  const { answer, fact, request } = await ask(byoLab, fields, `${PATH}?key=sk-own-3`);
  t.equal(answer.status, 200);
  t.same(credentials(request!), ['Bearer sk-own-1', 'sk-own-2']);
  t.equal(request!.target, '/v1/chat/completions?key=sk-own-3');
  t.match(fact, { auth: 'byo', subject: null, poolKey: null });
  t.match(fact.keyId, /^byo:[0-9a-f]{16}$/);
  const again = await ask(byoLab, fields, PATH);
  t.equal(again.fact.keyId, fact.keyId, 'the same key, the same fingerprint');
  t.not((await ask(byoLab, [bearer('sk-own-9')])).fact.keyId, fact.keyId);
  t.notMatch(byoLab.weir.output, /sk-own/);
  const none = await ask(byoLab, []);
  t.equal(none.answer.status, 200, 'no credential is the provider’s to refuse');
  t.match(none.fact, { auth: 'none', keyId: null });
});

t.test('a BYO key of one client is never another’s, on shared connections', async t => {
  const asked = Array.from({ length: 100 }, (_, i) => i);
  const pairs = await Promise.all(
    asked.map(async i => {
      const { id, field } = byoLab.tag();
      await byoLab.ask({ target: PATH, fields: [field, bearer(`sk-own-${i}`)], body: '{}' });
      return [id, `Bearer sk-own-${i}`] as const;
    }),
  );
  const seen = new Map(
    upstream.requests.map(request => [request.value('x-request-id'), request.value('authorization')]),
  );
  for (const [id, value] of pairs) if (seen.get(id) !== value) t.fail(`${id} went up with ${seen.get(id)}`);
  t.equal(new Set(pairs.map(([id]) => seen.get(id))).size, 100);
});

t.test('ambiguous credentials', async t => {
  const cases: Fields[] = [
    [bearer(CLIENT_KEY), ['x-api-key', OTHER_KEY]],
    [bearer(CLIENT_KEY), ['x-api-key', 'weir_x']],
    [bearer('weir_a'), ['x-api-key', 'weir_b']],
    [bearer('sk-a'), bearer('sk-b')],
    [
      ['x-api-key', 'sk-a'],
      ['X-API-Key', 'sk-b'],
    ],
    [bearer(CLIENT_KEY), bearer('sk-b')],
  ];
  for (const lab of [closedLab, byoLab]) {
    for (const fields of cases) {
      const { answer, fact, request } = await ask(lab, fields);
      t.equal(answer.status, 400, JSON.stringify(fields));
      t.equal(answer.head.value('x-weir-error'), 'ambiguous_credentials');
      t.equal(request, null);
      t.match(fact, { outcome: 'refused', errorCode: 'ambiguous_credentials' });
    }
    t.equal(
      (await ask(lab, [bearer(CLIENT_KEY), bearer(CLIENT_KEY)])).answer.status,
      200,
      'the same value twice is one',
    );
  }
});

t.test('a grant holds', async t => {
  const as = (target: string, method = 'POST'): Promise<Outcome> =>
    ask(closedLab, [bearer(OTHER_KEY)], target, method);
  t.equal((await as(PATH)).answer.status, 200);
  t.equal((await as('/openai/v1/responses')).answer.status, 200);
  for (const [target, method] of [
    ['/anthropic/v1/messages', 'POST'],
    ['/openai/v1/embeddings', 'POST'],
    ['/openai/v1/models', 'GET'],
    ['/openai/v1/files', 'GET'],
    ['/openai/v1/chat/completions/x', 'DELETE'],
    ['/openai/v1/%63hat/completionz', 'POST'],
  ] as const) {
    const { answer, fact, request } = await as(target, method);
    t.equal(answer.status, 403, target);
    t.equal(answer.head.value('x-weir-error'), 'not_granted');
    t.equal(request, null, target);
    t.match(fact, { outcome: 'refused', errorCode: 'not_granted', keyId: 'narrow', subject: 'narrow' });
  }
  const byDefault = (target: string, method: string): Promise<Outcome> =>
    ask(closedLab, [bearer(CLIENT_KEY)], target, method);
  t.equal((await byDefault('/openai/v1/embeddings', 'POST')).answer.status, 200);
  for (const [target, method] of [
    ['/openai/v1/files', 'GET'],
    ['/openai/v1/batches', 'POST'],
    ['/openai/v1/organization/users', 'GET'],
    ['/openai/v1/responses/r1', 'DELETE'],
  ] as const) {
    t.equal(
      (await byDefault(target, method)).answer.status,
      403,
      `${method} ${target} needs an explicit grant`,
    );
  }
});

t.test('no pool key where one is needed', async t => {
  const { answer, fact, request } = await ask(
    closedLab,
    [bearer(CLIENT_KEY)],
    '/keyless/v1/chat/completions',
  );
  t.equal(answer.status, 503);
  t.equal(answer.head.value('x-weir-error'), 'no_upstream_key');
  t.equal(request, null);
  t.equal(fact.errorCode, 'no_upstream_key');
});

t.test('open: whoever can reach it is managed, and what credential he carries is removed', async t => {
  const open = await startLab(t, { config: { providers, auth: { open: true } } });
  for (const fields of [[], [bearer('sk-own')], [['x-api-key', 'sk-own']]] as Fields[]) {
    const { answer, fact, request } = await ask(open, fields);
    t.equal(answer.status, 200);
    t.same(credentials(request!), [`Bearer ${POOL_KEY}`]);
    t.match(fact, { auth: 'none', keyId: null, poolKey: 'main' });
  }
  const { answer, request } = await ask(open, [bearer('weir_x')]);
  t.equal(answer.status, 401, 'a key of our form is never merely removed');
  t.equal(request, null);
});

t.test('several pool keys share the traffic by weight', async t => {
  const config = {
    providers: {
      lab: providers.lab,
      openai: {
        origin: upstream.origin,
        keys: [
          { id: 'a', key: 'env:TEST_POOL_KEY', weight: 3 },
          { id: 'b', key: 'env:TEST_OTHER_KEY', weight: 1 },
        ],
      },
    },
    auth: { open: true },
  };
  const lab = await startLab(t, { config, weir });
  const sent: (string | null)[] = [];
  for (let i = 0; i < 40; i++) {
    const { request, fact } = await ask(lab, []);
    sent.push(request!.value('authorization'));
    t.equal(request!.value('authorization'), `Bearer ${fact.poolKey === 'a' ? POOL_KEY : OTHER_KEY}`);
  }
  t.equal(sent.filter(value => value === `Bearer ${POOL_KEY}`).length, 30);
});

t.test('starts that would give keys away are refused with the remedy', async t => {
  const env = { TEST_POOL_KEY: POOL_KEY };
  const refused = [
    { providers: { openai: { keys } } },
    { listen: { host: '0.0.0.0', port: 0 } },
    { listen: { host: '::', port: 0 } },
  ];
  for (const config of refused) {
    const process = await startWeir(t, { config, env, waitForAddress: false });
    t.equal((await process.exited()).code, 2, JSON.stringify(config));
    t.match(process.output, /auth\.open/);
    t.notOk(process.output.includes(POOL_KEY));
  }
});

t.test('afterwards all is well', async t => {
  for (const lab of [closedLab, byoLab]) {
    t.equal(lab.weir.exit, null);
    for (const key of [POOL_KEY, CLIENT_KEY, OTHER_KEY]) t.notOk(lab.weir.output.includes(key));
    t.notMatch(lab.weir.output, /uncaught|unhandled|internal error/i);
  }
});
