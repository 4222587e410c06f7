import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, CLIENT_KEY, POOL_KEY, startLab } from './lab.ts';

const lab = await startLab(t);
const journaled = await startLab(t, { config: { auth: ownAuth(), usage: { holdMs: 60_000 } } });
const CHAT = '/openai/v1/chat/completions';
const ASK = { target: CHAT, body: '{"model":"m"}' };

function ownAuth(): object {
  return { byo: true, staticKeys: [{ id: 'team-key', key: 'env:TEST_CLIENT_KEY', subject: 'team' }] };
}

/** A static key, and texts in the form of signed keys, which need not verify. */
const OWN_KEYS = [CLIENT_KEY, 'weir_v4.public.eyJzdWIiOiJhIn0', 'weir_anything', 'v4.public.eyJzdWIiOiJhIn0'];

/** Places where a credential of that form is not looked for. */
const PLACES: readonly ((key: string) => readonly [string, string])[] = [
  key => ['xi-api-key', key],
  key => ['Authorization', key],
  key => ['Authorization', `Bearer\t${key}`],
  key => ['Authorization', `Token ${key}`],
  key => ['x-api-key', `Bearer ${key}`],
  key => ['Api-Key', `Bearer ${key}`],
  key => ['X-Goog-Api-Key', `Bearer ${key}`],
];

for (const key of OWN_KEYS) {
  t.test(`under byo, ${key.slice(0, 10)}… goes to no provider, wherever it stands`, async t => {
    lab.up.reply(up.respond(200, [], 'reached'));
    const seen = lab.up.requests.length;
    let refused = lab.refusals('invalid_key');
    for (const target of [CHAT, '/byo/v1/chat/completions', '/lab/v1/chat/completions']) {
      for (const place of PLACES) {
        const field = place(key);
        const answer = await lab.ask({ ...ASK, target, fields: [field] });
        const name = `${target} ${field.join(': ')}`;
        t.equal(answer.status, 401, name);
        t.equal(answer.head.value('x-weir-error'), 'invalid_key', name);
        refused++;
      }
    }
    await lab.refusalCount('invalid_key', refused);
    t.equal(lab.up.requests.length, seen, 'no provider saw anything');
    await lab.check(t);
  });
}

t.test('beside a key of the client’s own it stays here as well', async t => {
  const seen = lab.up.requests.length;
  for (const place of PLACES) {
    const field = place(CLIENT_KEY);
    const beside = field[0] === 'x-api-key' ? 'api-key' : 'x-api-key';
    const answer = await lab.ask({ ...ASK, fields: [[beside, 'sk-own'], field] });
    t.equal(answer.status, 401, field.join(': '));
  }
  t.equal(lab.up.requests.length, seen);
});

t.test('a client’s own key in the same places does go up', async t => {
  lab.up.reply(up.respond(200, [], 'reached'));
  for (const place of PLACES) {
    const field = place('sk-own-1234');
    const answer = await lab.ask({ ...ASK, target: '/byo/v1/chat/completions', fields: [field] });
    t.equal(answer.status, 200, field.join(': '));
    t.same(lab.up.requests.at(-1)!.values(field[0]), [field[1]]);
  }
});

t.test('a provider’s request id that repeats the pool key is kept by nobody', async t => {
  for (const where of [lab, journaled]) {
    for (const status of [200, 403, 500]) {
      where.up.reply(up.respond(status, [['X-Request-Id', `req-${POOL_KEY}`]], '{}'));
      const { id, field } = where.tag();
      const answer = await where.ask({ ...ASK, fields: [...AS_TEAM, field] });
      t.equal(answer.status, status);
      t.notOk(answer.head.head.raw.includes(POOL_KEY), 'the client');
      t.equal(answer.head.value('x-request-id'), id, 'ours stands in its place');
      const facts = where === lab ? [await lab.fact(id)] : where.weir.journal().facts;
      const fact = facts.find(({ requestId }) => requestId === id);
      t.match(fact, { status, poolKey: 'pool-1', upstreamRequestId: null }, 'the fact');
    }
    await where.check(t);
  }
  const folder = join(journaled.weir.folder, 'data/journal');
  const files = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'));
  t.match(files.join(''), /"upstreamRequestId":null/);
  t.notOk(
    files.some(text => text.includes(POOL_KEY)),
    'the journal',
  );
});

t.test('any other request id of the provider is', async t => {
  lab.up.reply(up.respond(200, [['X-Request-Id', 'req-7']], '{}'));
  const { answer, fact } = await lab.askForFact({ ...ASK, fields: AS_TEAM });
  t.equal(answer.head.value('x-request-id'), 'req-7');
  t.equal(fact.upstreamRequestId, 'req-7');
});

t.test('account fields and cookies of a client do not go up with the pool key', async t => {
  const fields: Fields = [
    ['OpenAI-Organization', 'org-x'],
    ['openai_organization', 'org-x'],
    ['OpenAI_Project', 'proj-x'],
    ['Cookie', 'a=org-x'],
    ['Cookie2', '$Version="1"'],
    ['cookie_2', 'kept'],
  ];
  lab.up.reply(up.respond(200, [], '{}'));
  t.equal((await lab.ask({ ...ASK, fields: [...AS_TEAM, ...fields] })).status, 200);
  const names = lab.up.requests.at(-1)!.fields.map(([name]) => name.toLowerCase());
  for (const [name] of fields.slice(0, -1)) t.notOk(names.includes(name.toLowerCase()), name);
  t.ok(names.includes('cookie_2'), 'what only looks alike does');
});

t.test('afterwards all is well', async t => {
  await lab.check(t);
  await journaled.check(t);
});
