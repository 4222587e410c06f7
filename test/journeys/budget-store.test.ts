import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openLedger } from '../../lib/store/index.ts';
import { RawClient, requestBytes } from '../client/index.ts';
import { must } from '../store/must.ts';
import * as up from '../upstream/index.ts';
import {
  account,
  answer,
  as,
  budgetConfig,
  CHAT,
  chat,
  chatBody,
  events,
  factOf,
  OTHER_KEY,
  STREAM,
  settled,
  startBudgetLab,
} from './budget-lab.ts';
import { CLIENT_KEY, type Lab } from './lab.ts';
import { OPS } from './ops-client.ts';
import { ConfigReplacer } from './replace-config.ts';

t.setTimeout(120_000);

const PER_KEY = { rules: [{ of: 'key', tokens: 100_000, usd: 5, per: 'day' }] };

function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-budgets-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A stream that has begun, and never ends by itself. */
async function holdStream(lab: Lab, members: object): Promise<{ client: RawClient; body: string }> {
  const [first] = events(10, 10);
  lab.up.reply([up.head(200, STREAM), up.chunk(first!), up.gate()], { once: true });
  const body = chatBody({ stream: true, ...members });
  const client = await RawClient.connect(lab.port);
  await client.send(requestBytes({ target: CHAT, fields: as(CLIENT_KEY), body }));
  await client.body(await client.expectHead(), 'POST').atLeast(first!.length);
  return { client, body };
}

t.test('what a crash cuts is charged as reserved', async t => {
  const cwd = folderFor(t);
  const provider = await up.Upstream.start();
  t.teardown(() => provider.close());
  const lab = await startBudgetLab(t, { budgets: PER_KEY }, { cwd, provider });
  const { client, body } = await holdStream(lab, { max_tokens: 700 });
  const held = await account(lab, 'key', 'team-key');
  t.equal(held.reserved.tokens, Buffer.byteLength(body) + 700);
  await lab.weir.stop('SIGKILL');
  client.destroy();
  const again = await startBudgetLab(t, { budgets: PER_KEY }, { cwd, provider });
  provider.reply(answer(7, 5));
  t.equal((await chat(again, CLIENT_KEY)).status, 200);
  const { spent } = await settled(again, 'key', 'team-key');
  t.strictSame(spent, {
    requests: 2,
    tokens: held.reserved.tokens + 12,
    usd: (Number(held.reserved.usd) + (7 * 2 + 5 * 8) / 1e6).toFixed(9),
  });
  const lost = again.weir.journal(join(cwd, 'data/journal')).facts.find(({ outcome }) => outcome === 'lost')!;
  t.hasStrict(lost, {
    inputTokens: null,
    reservedTokens: held.reserved.tokens,
    chargedTokens: held.reserved.tokens,
    chargedNanos: Math.round(Number(held.reserved.usd) * 1e9),
  });
});

t.test('a budget that a reload adds counts what the month has used so far', async t => {
  const lab = await startBudgetLab(t, { budgets: { rules: [] } });
  const replacer = new ConfigReplacer(lab.weir);
  lab.up.reply(answer(30, 20));
  for (let i = 0; i < 3; i++) t.equal((await chat(lab, CLIENT_KEY)).status, 200);
  t.equal((await chat(lab, OTHER_KEY)).status, 200);
  const serve = (rules: object[]) =>
    replacer.serve(
      budgetConfig(lab.up, { listen: { port: 0 }, ops: { ...OPS, port: 0 }, budgets: { rules } }),
    );
  await serve([{ of: 'subject', requests: 4, per: 'month' }]);
  t.equal((await chat(lab, CLIENT_KEY)).status, 200);
  t.equal((await chat(lab, CLIENT_KEY)).status, 429);
  t.strictSame((await settled(lab, 'subject', 'team')).spent, {
    requests: 4,
    tokens: 200,
    usd: '0.000880000',
  });
  await serve([{ of: 'subject', requests: 5, per: 'month' }]);
  t.equal((await chat(lab, CLIENT_KEY)).status, 200, 'a higher cap: what was used stays');
  t.equal((await chat(lab, CLIENT_KEY)).status, 429);
});

t.test('the store and the gateway agree after exchanges of every kind', async t => {
  const cwd = folderFor(t);
  const lab = await startBudgetLab(t, { budgets: PER_KEY }, { cwd });
  lab.up.reply(answer(10, 5), { once: true });
  await chat(lab, CLIENT_KEY);
  lab.up.reply(up.respond(200, [['Content-Type', 'application/json']], '{"model":"priced"}'), { once: true });
  const { id, field } = lab.tag();
  await lab.ask({ target: CHAT, fields: [...as(CLIENT_KEY), field], body: chatBody({ max_tokens: 50 }) });
  const unstated = await factOf(lab, id);
  t.equal(
    unstated.chargedTokens,
    unstated.reservedTokens,
    'a whole answer without usage keeps its reservation',
  );
  t.ok(unstated.chargedNanos! > 0);
  lab.up.reply(up.respond(429, [['Content-Type', 'application/json']], '{}'), { once: true });
  await chat(lab, CLIENT_KEY);
  lab.up.reply(up.rst(), { once: true });
  await chat(lab, CLIENT_KEY);
  const { client } = await holdStream(lab, { max_tokens: 60 });
  client.destroy();
  lab.up.reply(up.respond(200, [], 'models'), { once: true });
  await lab.ask({ target: '/openai/v1/models', fields: as(CLIENT_KEY) });
  await lab.ask({ target: '/openai/v1/files', fields: as(CLIENT_KEY) });
  const row = await settled(lab, 'key', 'team-key');
  await lab.weir.stop();
  const ledger = openLedger(`sqlite:${join(cwd, 'data/weir.db')}`, { readOnly: true });
  t.teardown(() => ledger.close());
  const stored = await must(
    ledger.spent({ scope: { of: 'key', is: 'team-key' }, sinceMs: 0, untilMs: null, except: [] }),
  );
  t.equal(stored.requests, row.spent!.requests);
  t.equal(stored.tokens, row.spent!.tokens);
  t.equal(stored.costNanos, BigInt(row.spent!.usd.replace('.', '')));
  t.ok(stored.tokens > 15);
});

t.test('they agree on estimated usage too', async t => {
  const cwd = folderFor(t);
  const lab = await startBudgetLab(
    t,
    {
      usage: { holdMs: 60_000, estimate: true },
      budgets: { rules: [{ of: 'key', requests: 100, per: 'day' }] },
    },
    { cwd },
  );
  const text = { model: 'priced', choices: [{ message: { content: 'some words' }, finish_reason: 'stop' }] };
  lab.up.reply(up.respond(200, [['Content-Type', 'application/json']], JSON.stringify(text)));
  const { id, field } = lab.tag();
  await lab.ask({ target: CHAT, fields: [...as(CLIENT_KEY), field], body: chatBody() });
  const fact = await factOf(lab, id);
  t.equal(fact.usageSource, 'estimated');
  const { spent } = await settled(lab, 'key', 'team-key');
  t.strictSame(spent, {
    requests: 1,
    tokens: fact.inputTokens! + fact.outputTokens!,
    usd: (fact.costNanos! / 1e9).toFixed(9),
  });
});

t.test('two instances on one store see what the other one has used', async t => {
  const store = `sqlite:${join(folderFor(t), 'weir.db')}`;
  const provider = await up.Upstream.start();
  t.teardown(() => provider.close());
  provider.reply(answer(40, 10));
  const sections = {
    usage: { holdMs: 60_000, store },
    budgets: { refreshMs: 100, rules: [{ of: 'subject', requests: 6, per: 'month' }] },
  };
  const [a, b] = await Promise.all([
    startBudgetLab(t, sections, { provider }),
    startBudgetLab(t, sections, { provider }),
  ]);
  for (const lab of [a, b]) t.equal((await chat(lab!, CLIENT_KEY)).status, 200);
  for (let i = 0; i < 3; i++) t.equal((await chat(a!, CLIENT_KEY)).status, 200);
  while ((await account(b!, 'subject', 'team')).spent!.requests < 5);
  t.equal((await chat(b!, CLIENT_KEY)).status, 200);
  t.equal((await chat(b!, CLIENT_KEY)).status, 429);
  while ((await account(a!, 'subject', 'team')).spent!.requests < 6);
  t.equal((await chat(a!, CLIENT_KEY)).status, 429);
  t.equal(provider.requests.length, 6);
});

t.test('a store that does not answer refuses with 503, or serves, as configured', async t => {
  for (const [onStoreDown, status] of [
    ['refuse', 503],
    ['allow', 200],
  ] as const) {
    const lab = await startBudgetLab(t, {
      usage: { holdMs: 60_000, store: 'sqlite:/dev/null/weir.db' },
      budgets: { onStoreDown, storeWaitMs: 200, ...PER_KEY },
    });
    lab.up.reply(answer(1, 1));
    const got = await chat(lab, CLIENT_KEY);
    t.equal(got.status, status, onStoreDown);
    if (status === 503) t.equal(got.head.value('x-weir-error'), 'budget_unavailable');
  }
});
