import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type KeyClaims, mintKey, type NewIssuer, newIssuer } from '../../lib/keys/token/mint.ts';
import { type RawClient, readAnswer, requestBytes } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import { startWeir } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { Lab } from './lab.ts';
import { ConfigReplacer } from './replace-config.ts';

const CHAT = '/anthropic/v1/messages';
const BODY = '{"model":"m"}';
const ADMIN = 'admin-0d8f41b2c97e';
const TEAM = 'team-5b1d77aa90c34e';
const ENV = {
  ADMIN,
  TEAM,
  NEXT_TEAM: 'team-c83e19f5d2a607',
  FIRST: 'sk-first-2f6d1c07b3a94e58',
  SECOND: 'sk-second-a81e55d0c4f7423b',
  THIRD: 'sk-third-90b4e2d7c1f86a35',
};
const STREAM: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];
/** A cached key of a removed issuer must be refused within this time. */
const REVOKED_WITHIN_MS = 1000;

interface Sections {
  readonly issuers?: readonly object[];
  readonly auth?: object;
  readonly staticKeys?: readonly object[];
  readonly keys?: readonly object[];
  readonly badCredentials?: number;
}

interface Served {
  readonly lab: Lab;
  /** Replaces parts of the config and waits until they serve. */
  readonly reload: (sections: Sections) => Promise<void>;
}

/** The credential that a request came up with. */
const keyOf = (request: up.RecordedRequest): string => request.value('x-api-key') ?? '';
const trusted = ({ publicKey }: NewIssuer): object => ({ publicKey });
const pool = (...keys: readonly (readonly [id: string, variable: keyof typeof ENV])[]): object[] =>
  keys.map(([id, variable]) => ({ id, key: `env:${variable}` }));

async function serve(t: Test, sections: Sections): Promise<Served> {
  const provider = await up.Upstream.start();
  t.teardown(() => provider.close());
  provider.reply(up.respond(200, [], '{}'));
  const configOf = ({
    issuers = [],
    auth,
    staticKeys,
    keys,
    badCredentials = 1_000_000,
  }: Sections): Record<string, unknown> => ({
    listen: { port: 0 },
    providers: {
      lab: { origin: provider.origin, dialect: 'openai', auth: 'none' },
      anthropic: { origin: provider.origin, keys: keys ?? pool(['first', 'FIRST']) },
    },
    auth: { issuers, staticKeys: staticKeys ?? [{ id: 'team', key: 'env:TEAM' }], ...auth },
    ops: { port: 0, adminKeys: [{ key: 'env:ADMIN', role: 'admin' }] },
    limits: { badCredentialsPerAddress: badCredentials },
  });
  const weir = await startWeir(t, { config: configOf(sections), env: ENV });
  const replacer = new ConfigReplacer(weir);
  return { lab: new Lab(provider, weir), reload: next => replacer.serve(configOf(next)) };
}

function mint({ secretKey }: NewIssuer, claims: Partial<KeyClaims> = {}, prefix = 'weir_'): string {
  return mintKey(
    secretKey,
    { subject: 'alice', expires: new Date(Date.now() + 3_600_000), ...claims },
    { prefix },
  );
}

const fieldsOf = (key: string): Fields => [['x-api-key', key]];

async function status({ lab }: Served, key: string): Promise<number> {
  return (await lab.ask({ target: CHAT, fields: fieldsOf(key), body: BODY })).status;
}

/** The provider keys under which `count` requests go up. */
async function usedKeys({ lab }: Served, count: number): Promise<readonly string[]> {
  const before = lab.up.requests.length;
  for (let i = 0; i < count; i++) await lab.ask({ target: CHAT, fields: fieldsOf(TEAM), body: BODY });
  return [...new Set(lab.up.requests.slice(before).map(keyOf))].sort();
}

/** A stream in the middle. What it gives lets it end, and checks that it came whole under the provider key it began with. */
async function openStream(t: Test, { lab }: Served, key: string): Promise<() => Promise<void>> {
  const gate = up.gate();
  lab.up.reply([up.head(200, STREAM), up.chunk('data: 1\n\n'), gate, up.chunk('data: 2\n\n'), up.last()], {
    once: true,
  });
  const client = await lab.connect(t);
  const { id, field } = lab.tag();
  await client.send(requestBytes({ target: CHAT, fields: [...fieldsOf(key), field], body: BODY }));
  const body = client.body(await client.expectHead());
  await body.atLeast(9);
  return async () => {
    gate.open();
    t.equal(String(await body.all()), 'data: 2\n\n');
    t.equal(body.ending, 'complete');
    t.hasStrict(await lab.fact(id), { outcome: 'complete', status: 200 });
  };
}

/** The condition of each key of the pool, by its id. */
async function conditions({ lab }: Served): Promise<Readonly<Record<string, string>>> {
  const response = await fetch(`http://127.0.0.1:${lab.weir.opsPort}/providers/keys`, {
    headers: { authorization: `Bearer ${ADMIN}` },
  });
  const { keys } = (await response.json()) as { keys: { id: string; state: string }[] };
  return Object.fromEntries(keys.map(({ id, state }) => [id, state]));
}

const act = ({ lab }: Served, id: string, verb: 'release' | 'disable') =>
  fetch(`http://127.0.0.1:${lab.weir.opsPort}/providers/anthropic/keys/${id}/${verb}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}` },
  });

t.test('an issuer is replaced by another', async t => {
  const [old, next] = [newIssuer(), newIssuer()];
  const served = await serve(t, { issuers: [trusted(old)] });
  const [oldKey, nextKey] = [mint(old), mint(next)];
  t.equal(await status(served, oldKey), 200);
  t.equal(await status(served, nextKey), 401);
  await served.reload({ issuers: [trusted(old), trusted(next)] });
  t.equal(await status(served, nextKey), 200, 'though it was refused a moment ago');
  t.equal(await status(served, oldKey), 200, 'both, for a while');

  const finish = await openStream(t, served, oldKey);
  const kept = await served.lab.connect(t);
  const again = requestBytes({ target: CHAT, fields: fieldsOf(oldKey), body: BODY });
  await kept.send(again);
  t.equal((await readAnswer(kept, 'POST')).status, 200);
  let isOver = false;
  const others = (async () => {
    const seen = new Set<number>();
    while (!isOver) seen.add(await status(served, nextKey));
    return [...seen];
  })();
  const reloading = served.reload({ issuers: [trusted(next)] });
  const askedMs = performance.now();
  while ((await status(served, oldKey)) === 200);
  const tookMs = performance.now() - askedMs;
  t.comment(`a removed issuer's key was refused after ${Math.round(tookMs)} ms`);
  t.ok(tookMs < REVOKED_WITHIN_MS, `${tookMs} ms`);
  await reloading;
  await kept.send(again);
  t.equal((await readAnswer(kept, 'POST')).status, 401, 'on an open connection as well');
  isOver = true;
  t.strictSame(await others, [200], 'keys of the other issuer never noticed');
  await finish();
  const seen = served.lab.up.requests.length;
  for (const key of [oldKey, mint(old), mint(old, { subject: 'bob' })])
    t.equal(await status(served, key), 401);
  t.equal(served.lab.up.requests.length, seen, 'nothing goes up');

  await served.reload({ issuers: [trusted(old), trusted(next)] });
  t.equal(await status(served, oldKey), 200, 'and back');
});

t.test('an issuer comes while somebody guesses from the address of good clients', async t => {
  const [one, two] = [newIssuer(), newIssuer()];
  const sections = { issuers: [trusted(one)], badCredentials: 3 };
  const served = await serve(t, sections);
  const known = mint(one);
  t.equal(await status(served, known), 200);
  for (const expected of [401, 401, 401, 429, 429])
    t.equal(await status(served, `guess-${expected}`), expected);
  t.equal(await status(served, known), 200, 'keys known to be good still pass');
  await served.reload({ ...sections, auth: { byo: false } });
  t.equal(await status(served, known), 200, 'after a reload that is about something else');
  t.equal(await status(served, 'guess'), 429, 'which gives nobody new guesses');
  await served.reload({ ...sections, issuers: [trusted(one), trusted(two)] });
  t.equal(await status(served, known), 200, 'after one that leaves their issuer as it was');
});

t.test('what an issuer may sign is narrowed', async t => {
  const one = newIssuer();
  const served = await serve(t, {
    issuers: [{ ...trusted(one), maxLifetime: '30d' }],
    auth: { prefixes: ['sk-weir-'] },
  });
  const day = 86_400_000;
  const long = mint(one, { expires: new Date(Date.now() + 20 * day) });
  const short = mint(one);
  const prefixed = mint(one, {}, 'sk-weir-');
  for (const key of [long, short, prefixed]) t.equal(await status(served, key), 200);
  await served.reload({ issuers: [{ ...trusted(one), maxLifetime: '1d' }] });
  t.equal(await status(served, long), 401, 'lives too long now');
  t.equal(await status(served, short), 200);
  const seen = served.lab.up.requests.length;
  t.equal(await status(served, prefixed), 401, 'has no accepted prefix any more');
  t.equal(served.lab.up.requests.length, seen, 'nor is it taken for a key of a provider');
  await served.reload({ issuers: [{ ...trusted(one), issuer: 'platform' }] });
  t.equal(await status(served, short), 401, 'does not name its issuer');
  await served.reload({ issuers: [trusted(one)], auth: { audience: 'prod' } });
  t.equal(await status(served, short), 401, 'is not for this gateway');
  await served.reload({ issuers: [trusted(one)] });
  t.equal(await status(served, short), 200);
  await served.reload({ auth: { byo: true } });
  const before = served.lab.up.requests.length;
  t.equal(await status(served, short), 401, 'without any issuer');
  t.equal(served.lab.up.requests.length, before, 'it goes to no provider, bring-your-own or not');
});

t.test('a static key is replaced, removed, and expires', async t => {
  const served = await serve(t, {});
  t.equal(await status(served, TEAM), 200);
  t.equal(await status(served, ENV.NEXT_TEAM), 401);
  const finish = await openStream(t, served, TEAM);
  await served.reload({ staticKeys: [{ id: 'team', key: 'env:NEXT_TEAM' }] });
  t.equal(await status(served, TEAM), 401, 'another secret under the same id');
  t.equal(await status(served, ENV.NEXT_TEAM), 200);
  await finish();
  const grant = { providers: ['lab'] };
  await served.reload({
    staticKeys: [
      { id: 'team', key: 'env:TEAM' },
      { id: 'next', key: 'env:NEXT_TEAM', grant },
    ],
  });
  t.equal(await status(served, TEAM), 200);
  t.equal(await status(served, ENV.NEXT_TEAM), 403, 'it may do less now');

  const expires = new Date(Date.now() + 2500);
  await served.reload({ staticKeys: [{ id: 'team', key: 'env:TEAM', expires: expires.toISOString() }] });
  t.equal(await status(served, ENV.NEXT_TEAM), 401, 'removed');
  const running = await openStream(t, served, TEAM);
  const refused = (async () => {
    while ((await status(served, TEAM)) === 200);
    return Date.now() - expires.getTime();
  })();
  const lateMs = await within(refused, 'the key to expire');
  t.ok(lateMs >= 0 && lateMs < 1000, `refused ${lateMs} ms after its time`);
  await running();
  await served.reload({ staticKeys: [{ id: 'team', key: 'env:TEAM' }] });
  t.equal(await status(served, TEAM), 200);
});

t.test('a pool key is added, and one is removed while it serves a stream', async t => {
  const served = await serve(t, { keys: pool(['first', 'FIRST']) });
  t.strictSame(await usedKeys(served, 3), [ENV.FIRST]);
  await served.reload({ keys: pool(['first', 'FIRST'], ['second', 'SECOND']) });
  t.strictSame(await usedKeys(served, 6), [ENV.FIRST, ENV.SECOND]);
  const streams = [await openStream(t, served, TEAM), await openStream(t, served, TEAM)];
  t.strictSame(served.lab.up.requests.slice(-2).map(keyOf).sort(), [ENV.FIRST, ENV.SECOND], 'one under each');
  await served.reload({ keys: pool(['second', 'SECOND']) });
  t.strictSame(await usedKeys(served, 40), [ENV.SECOND]);
  t.strictSame(await conditions(served), { second: 'usable' }, 'it is not even listed');
  for (const finish of streams) await finish();
  t.strictSame(await usedKeys(served, 10), [ENV.SECOND]);
  await served.reload({ keys: [] });
  const answer = await served.lab.ask({ target: CHAT, fields: fieldsOf(TEAM), body: BODY });
  t.strictSame([answer.status, answer.head.value('x-weir-error')], [503, 'no_upstream_key']);
});

t.test('a pool key in a file is replaced there', async t => {
  const served = await serve(t, {});
  const { folder } = served.lab.weir;
  writeFileSync(join(folder, 'pool-key'), `${ENV.FIRST}\n`, { mode: 0o600 });
  await served.reload({ keys: [{ id: 'filed', key: 'file:pool-key' }] });
  t.strictSame(await usedKeys(served, 2), [ENV.FIRST]);
  const before = readFileSync(join(folder, 'weir.yaml'), 'utf8');
  writeFileSync(join(folder, 'pool-key'), `${ENV.SECOND}\n`, { mode: 0o600 });
  const changed = (async () => {
    while ((await usedKeys(served, 1))[0] !== ENV.SECOND);
  })();
  await within(changed, 'the new key, without a signal');
  t.strictSame(await usedKeys(served, 10), [ENV.SECOND]);
  t.equal(readFileSync(join(folder, 'weir.yaml'), 'utf8'), before);
});

t.test('what is known of a pool key stays with its secret, not with its id', async t => {
  const served = await serve(t, { keys: pool(['a', 'FIRST'], ['b', 'SECOND'], ['c', 'THIRD']) });
  const { lab } = served;
  const refusing = up.respond(401, [], '{"error":{"type":"authentication_error"}}');
  const limiting = up.respond(429, [['Retry-After', '600']], '{}');
  lab.up.reply(turn => {
    const script = { [ENV.FIRST]: refusing, [ENV.SECOND]: limiting }[keyOf(turn.request)];
    return turn.run(script ?? up.respond(200, [], '{}'));
  });
  await usedKeys(served, 6);
  await act(served, 'c', 'disable');
  const resting = { a: 'quarantined', b: 'cooling', c: 'disabled' };
  t.strictSame(await conditions(served), resting);

  await served.reload({
    keys: pool(['a', 'FIRST'], ['b', 'SECOND'], ['c', 'THIRD']),
    auth: { prefixes: ['x-weir-'] },
  });
  t.strictSame(await conditions(served), resting, 'over a reload that is about something else');
  t.strictSame(await usedKeys(served, 3), [], 'and is kept to');
  await served.reload({ keys: pool(['c', 'THIRD'], ['b', 'SECOND'], ['a', 'FIRST'], ['d', 'TEAM']) });
  t.strictSame(
    await conditions(served),
    { ...resting, d: 'usable' },
    'in another order, with another beside them',
  );

  lab.up.reply(up.respond(200, [], '{}'));
  await served.reload({ keys: pool(['a', 'TEAM'], ['b', 'SECOND']) });
  t.strictSame(await conditions(served), { a: 'usable', b: 'cooling' }, 'another secret begins anew');
  t.strictSame(await usedKeys(served, 5), [TEAM]);
  await served.reload({ keys: pool(['a', 'FIRST'], ['b', 'SECOND']) });
  t.strictSame(await conditions(served), { a: 'usable', b: 'cooling' }, 'a key that was away begins anew');
});

t.test('an answer to the old secret is no word against the new one', async t => {
  const served = await serve(t, { keys: pool(['a', 'FIRST'], ['b', 'SECOND']) });
  const { lab } = served;
  const [gateA, gateB] = [up.gate(), up.gate()];
  const refused = up.respond(401, [], '{}');
  const script: up.Step = turn => turn.run([keyOf(turn.request) === ENV.FIRST ? gateA : gateB, ...refused]);
  for (let i = 0; i < 2; i++) lab.up.reply(script, { once: true });
  const clients: RawClient[] = [];
  for (let i = 0; i < 2; i++) {
    const client = await lab.connect(t);
    // Too long to be sent twice.
    const body = JSON.stringify({ model: 'm', pad: 'x'.repeat(100_000) });
    await client.send(requestBytes({ target: CHAT, fields: fieldsOf(TEAM), body }));
    await lab.up.next();
    clients.push(client);
  }
  await Promise.all([gateA.reached, gateB.reached]);
  await served.reload({ keys: pool(['a', 'THIRD'], ['b', 'SECOND']) });
  gateA.open();
  gateB.open();
  for (const client of clients)
    t.ok((await readAnswer(client, 'POST')).status >= 500, 'not the provider’s 401');
  t.strictSame(
    await conditions(served),
    { a: 'usable', b: 'quarantined' },
    'only the key that is still the same',
  );
  t.strictSame(await usedKeys(served, 4), [ENV.THIRD]);
});

t.test('a removed pool key is not what a running request falls back on', async t => {
  const served = await serve(t, { keys: pool(['a', 'FIRST'], ['b', 'SECOND']) });
  const { lab } = served;
  const gate = up.gate();
  lab.up.reply([gate, ...up.respond(401, [], '{}')], { once: true });
  const answered = lab.ask({ target: CHAT, fields: fieldsOf(TEAM), body: BODY });
  await gate.reached;
  const [used, removed] =
    keyOf(lab.up.requests[0]!) === ENV.FIRST
      ? (['FIRST', 'SECOND'] as const)
      : (['SECOND', 'FIRST'] as const);
  await served.reload({ keys: pool(['a', used]) });
  gate.open();
  t.ok((await answered).status >= 500, 'there was no other key');
  t.notOk(lab.up.requests.map(keyOf).includes(ENV[removed]), 'nothing went up with it');
});
