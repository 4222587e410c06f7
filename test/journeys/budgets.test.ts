import t from 'tap';
import { runMain } from '../cli/run-main.ts';
import { RawClient, requestBytes } from '../client/index.ts';
import * as up from '../upstream/index.ts';
import {
  account,
  answer,
  as,
  budgetKey,
  budgets,
  CHAT,
  chat,
  chatBody,
  events,
  factOf,
  JSON_TYPE,
  OTHER_KEY,
  STREAM,
  settled,
  startBudgetLab,
} from './budget-lab.ts';
import { CLIENT_KEY } from './lab.ts';
import { ADMIN_KEYS, codeOf, json, metrics, ops } from './ops-client.ts';

t.setTimeout(120_000);

t.test('100 parallel streams never pass the cap, and the provider sees the admitted ones alone', async t => {
  const cap = 5000;
  const lab = await startBudgetLab(t, {
    budgets: { rules: [{ of: 'subject', is: 'team', tokens: cap, per: 'month' }] },
  });
  let used = 0;
  // The whole of what was reserved for the answer, and an input of as many tokens as the text could have.
  const members = { stream: true, max_tokens: 300 };
  const [prompt, completion] = [Buffer.byteLength(chatBody(members)), 300];
  lab.up.reply(async turn => {
    used += prompt + completion;
    await turn.run(up.chunked(200, STREAM.slice(0, 1), events(prompt, completion)));
  });
  const answers = await Promise.all(Array.from({ length: 100 }, () => chat(lab, CLIENT_KEY, members)));
  const admitted = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 429);
  t.equal(admitted.length + refused.length, 100);
  t.ok(admitted.length > 5, `${admitted.length} were admitted`);
  t.equal(lab.up.requests.length, admitted.length, 'no byte of the others went to the provider');
  t.ok(used <= cap, `${used} of ${cap} used`);
  t.ok(admitted.every(({ ending }) => ending === 'complete'));
  t.ok(refused.every(one => codeOf(one) === 'insufficient_quota'));
  const row = await settled(lab, 'subject', 'team');
  t.equal(row.spent!.tokens, used, 'streams are settled by what they stated');
  t.equal(row.spent!.requests, admitted.length);
});

t.test('a refusal names the narrowest scope and no amounts, and says when', async t => {
  const lab = await startBudgetLab(t, {
    budgets: {
      rules: [
        { of: 'all', requests: 2, per: 'month' },
        { of: 'key', requests: 2, per: 'hour' },
      ],
    },
  });
  lab.up.reply(answer(1, 1));
  t.equal((await chat(lab, CLIENT_KEY)).status, 200);
  t.equal((await chat(lab, CLIENT_KEY)).status, 200);
  const { id, field } = lab.tag();
  const refusal = await lab.ask({ target: CHAT, fields: [...as(CLIENT_KEY), field], body: chatBody() });
  const fact = await factOf(lab, id);
  t.equal(refusal.status, 429);
  const { error } = json(refusal) as { error: { message: string } };
  t.equal(error.message, 'The budget of this key is used up.');
  t.equal(refusal.head.value('x-should-retry'), 'false');
  t.equal(refusal.head.value('x-weir-error'), 'insufficient_quota');
  const retryAfter = Number(refusal.head.value('retry-after'));
  t.ok(retryAfter >= 1 && retryAfter <= 3600);
  const reset = new Date(refusal.head.value('x-weir-budget-reset')!);
  const now = new Date();
  t.equal(
    reset.getTime(),
    Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1),
    'when there is room under all that apply',
  );
  t.hasStrict(fact, {
    outcome: 'refused',
    errorCode: 'insufficient_quota',
    chargedTokens: null,
    attempts: 0,
  });
  t.equal(lab.up.requests.length, 2);
  const other = await chat(lab, OTHER_KEY);
  t.match(json(other), { error: { message: 'The budget of this gateway is used up.' } });
  const anthropic = await lab.ask({
    target: '/anthropic/v1/messages',
    fields: as(CLIENT_KEY),
    body: '{"model":"priced","max_tokens":5,"messages":[]}',
  });
  t.match(json(anthropic), { type: 'error', error: { message: 'The budget of this key is used up.' } });
  const sample = (await metrics(lab)).find(({ name }) => name === 'weir_budget_refusals_total');
  t.ok(sample);
});

t.test('what never went out, failed or was left before a byte came costs nothing', async t => {
  const lab = await startBudgetLab(t, {
    budgets: { rules: [{ of: 'key', tokens: 100_000, usd: 10, per: 'day' }] },
  });
  lab.up.reply(up.respond(500, JSON_TYPE, '{"error":{"message":"broken"}}'), { once: true });
  t.equal((await chat(lab, CLIENT_KEY)).status, 500);
  t.strictSame((await settled(lab, 'key', 'team-key')).spent, { requests: 1, tokens: 0, usd: '0.000000000' });

  const gate = up.gate();
  lab.up.reply(gate, { once: true });
  const client = await RawClient.connect(lab.port);
  await client.send(requestBytes({ target: CHAT, fields: as(CLIENT_KEY), body: chatBody() }));
  await gate.reached;
  const held = await account(lab, 'key', 'team-key');
  t.ok(held.reserved.tokens > 100 && Number(held.reserved.usd) > 0, 'reserved while it runs');
  client.destroy();
  const after = await settled(lab, 'key', 'team-key');
  t.equal(after.spent!.tokens, 0, 'an abort releases');
  t.equal(after.reserved.usd, '0.000000000');
  gate.open();
});

t.test('who leaves in the middle pays for what was delivered, never more than was reserved', async t => {
  const lab = await startBudgetLab(t, { budgets: { rules: [{ of: 'key', tokens: 100_000, per: 'day' }] } });
  const gate = up.gate();
  const [first] = events(10, 10);
  lab.up.reply([up.head(200, STREAM), up.chunk(first!), gate]);
  const client = await RawClient.connect(lab.port);
  const body = chatBody({ stream: true, max_tokens: 1000 });
  await client.send(requestBytes({ target: CHAT, fields: as(CLIENT_KEY), body }));
  const answered = client.body(await client.expectHead(), 'POST');
  await answered.atLeast(first!.length);
  client.destroy();
  const { spent } = await settled(lab, 'key', 'team-key');
  t.equal(spent!.tokens, Buffer.byteLength(body) + Math.ceil(first!.length / 4));
  gate.open();
});

t.test('a request that could use more than the whole budget is told so', async t => {
  const lab = await startBudgetLab(t, { budgets: { rules: [{ of: 'all', tokens: 1000, per: 'lifetime' }] } });
  lab.up.reply(answer(1, 1));
  const refusal = await chat(lab, CLIENT_KEY, { max_tokens: 2000 });
  t.equal(refusal.status, 429);
  t.match(json(refusal), {
    error: { message: /more than the whole budget of this gateway: state a smaller maximum/ },
  });
  t.strictSame(refusal.head.values('retry-after'), []);
  t.strictSame(refusal.head.values('x-weir-budget-reset'), []);
  const many = await chat(lab, CLIENT_KEY, { max_tokens: 300, n: 4 });
  t.equal(many.status, 429, 'times the number of answers');
  t.equal((await chat(lab, CLIENT_KEY, { max_tokens: 300, n: 2 })).status, 200);
  t.equal((await chat(lab, CLIENT_KEY, { max_tokens: undefined })).status, 429, 'unstated: 4096');
});

t.test('unknown cost: deny, allow, hold; and an unpriced model passes no ceiling', async t => {
  const rules = [{ of: 'key', usd: '0.01', tokens: 2000, per: 'day' }];
  const deny = await startBudgetLab(t, { budgets: { rules } });
  deny.up.reply(answer(1, 1, 'unpriced'));
  const denied = await chat(deny, CLIENT_KEY, { model: 'unpriced' });
  t.equal(denied.status, 403);
  t.equal(denied.head.value('x-weir-error'), 'unpriced_model');
  t.equal(deny.up.requests.length, 0);
  t.equal((await chat(deny, CLIENT_KEY)).status, 200, 'a priced one passes');

  const allow = await startBudgetLab(t, { budgets: { unknownCost: 'allow', rules } });
  allow.up.reply(answer(900, 50, 'unpriced'), { once: true });
  t.equal((await chat(allow, CLIENT_KEY, { model: 'unpriced' })).status, 200);
  t.strictSame((await settled(allow, 'key', 'team-key')).spent, {
    requests: 1,
    tokens: 950,
    usd: '0.000000000',
  });
  t.equal(
    (await chat(allow, CLIENT_KEY, { model: 'unpriced', max_tokens: 1500 })).status,
    429,
    'tokens bind',
  );
  allow.up.reply(answer(1000, 1000), { once: true });
  t.equal((await chat(allow, CLIENT_KEY)).status, 200);
  t.ok(Number((await settled(allow, 'key', 'team-key')).spent!.usd) > 0.0099);
  t.equal((await chat(allow, CLIENT_KEY, { model: 'unpriced', max_tokens: 1 })).status, 429, 'so does money');

  const hold = await startBudgetLab(t, {
    budgets: {
      unknownCost: 'hold',
      unknownCostUsd: '0.004',
      rules: [{ of: 'key', usd: '0.01', per: 'day' }],
    },
  });
  hold.up.reply(answer(1, 1, 'unpriced'));
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await chat(hold, CLIENT_KEY, { model: 'unpriced' })).status);
  t.strictSame(statuses, [200, 200, 429]);
  t.equal((await settled(hold, 'key', 'team-key')).spent!.usd, '0.008000000');
});

t.test("a signed key's own budget holds without a budgets section", async t => {
  const lab = await startBudgetLab(t);
  lab.up.reply(answer(3, 4));
  const key = budgetKey('k-1', { requests: 2, per: 'day' });
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await chat(lab, key)).status);
  t.strictSame(statuses, [200, 200, 429]);
  t.equal((await chat(lab, budgetKey('k-2', { usd: '0.01', per: 'month' }))).status, 200);
  t.equal((await chat(lab, CLIENT_KEY)).status, 200, 'a key without one is free');
  const spent = (await settled(lab, 'key', 'k-2')).spent!;
  t.equal(spent.usd, '0.000038000', '3 × 2 + 4 × 8 millionths');
});

t.test('without a store a key that brings a budget is refused, and so is a config that has one', async t => {
  const lab = await startBudgetLab(t, { usage: { store: 'none' } });
  lab.up.reply(answer(1, 1));
  t.equal((await chat(lab, budgetKey('k-1', { requests: 2, per: 'day' }))).status, 401);
  t.equal((await chat(lab, CLIENT_KEY)).status, 200);
  t.equal((await ops(lab, 'GET', '/budgets', 'viewer')).status, 404, 'nothing of it is there');
});

t.test('tags and providers have budgets; requests alone read no body', async t => {
  const lab = await startBudgetLab(t, {
    budgets: {
      rules: [
        { of: 'tag', tag: 'project', requests: 1, per: 'week' },
        { of: 'provider', is: 'anthropic', requests: 1, per: 'hour' },
      ],
    },
  });
  lab.up.reply(answer(1, 1));
  t.equal((await chat(lab, CLIENT_KEY)).status, 200);
  const refusal = await chat(lab, CLIENT_KEY);
  t.match(json(refusal), { error: { message: 'The budget of a tag of this request is used up.' } });
  t.equal((await chat(lab, OTHER_KEY)).status, 200, 'it has no such tag');
  const [row] = (await budgets(lab)).filter(({ of }) => of === 'tag');
  t.equal(row!.is, 'weir');
  t.match(row!.resets!, /T00:00:00/);
  t.equal(new Date(row!.resets!).getUTCDay(), 1, 'weeks begin on Monday');
  const { status, stdout, stderr } = await runMain(['budget', 'list'], {
    env: { WEIR_OPS: `http://127.0.0.1:${lab.weir.opsPort}`, WEIR_ADMIN_KEY: ADMIN_KEYS.viewer },
  });
  t.strictSame([status, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  t.match(lines[0], /^OF +IS +PER +WHAT +CAP +SPENT +RESERVED +LEFT +RESETS$/);
  t.match(lines[1], /^provider +anthropic +hour +requests +1 +0 +0 +1 +\d{4}-/);
  t.match(lines[2], /^tag project +weir +week +requests +1 +1 +0 +0 +\d{4}-/);
  t.equal(lines.length, 3);
});

t.test('without budgets nothing of them is there', async t => {
  const lab = await startBudgetLab(t, {
    auth: { staticKeys: [{ id: 'team-key', key: 'env:TEST_CLIENT_KEY', subject: 'team' }] },
  });
  lab.up.reply(answer(1, 1));
  const { id, field } = lab.tag();
  const got = await lab.ask({
    target: CHAT,
    fields: [...as(CLIENT_KEY), field],
    body: chatBody({ model: 'x' }),
  });
  t.equal(got.status, 200);
  t.hasStrict(await factOf(lab, id), {
    reservedTokens: null,
    reservedNanos: null,
    chargedTokens: null,
    chargedNanos: null,
  });
  t.equal((await ops(lab, 'GET', '/budgets', 'viewer')).status, 404);
  t.notOk((await metrics(lab)).some(({ name }) => name.startsWith('weir_budget')));
});

t.test('an answer that is read on after its client left costs what it states, not what was sent', async t => {
  const budgets = { rules: [{ of: 'key', tokens: 100_000, usd: 1, per: 'day' }] };
  const lab = await startBudgetLab(t, { budgets }, { disconnect: 'drain' });
  const gate = up.gate();
  const all = events(10, 12);
  // Some 1000 bytes of frame: a token for every four of them were far more than there are.
  const frame = `data: ${JSON.stringify({ model: 'priced', choices: [], padding: 'x'.repeat(1000) })}\n\n`;
  lab.up.reply([
    up.head(200, STREAM),
    up.chunk(frame),
    gate,
    ...all.map(event => up.chunk(event)),
    up.last(),
  ]);
  const client = await RawClient.connect(lab.port);
  const { id, field } = lab.tag();
  const body = chatBody({ stream: true, max_tokens: 1000 });
  await client.send(requestBytes({ target: CHAT, fields: [...as(CLIENT_KEY), field], body }));
  await client.body(await client.expectHead(), 'POST').atLeast(frame.length);
  client.destroy();
  const isRead = (samples: Awaited<ReturnType<typeof metrics>>): boolean =>
    samples.some(({ name, value }) => name === 'weir_draining_exchanges' && value === 1);
  while (!isRead(await metrics(lab)));
  t.equal((await account(lab, 'key', 'team-key')).reserved.requests, 1, 'it holds until it is over');
  gate.open();
  const fact = await factOf(lab, id);
  t.hasStrict(fact, {
    outcome: 'clientAborted',
    inputTokens: 10,
    outputTokens: 12,
    costNanos: 116_000,
    chargedTokens: 22,
    chargedNanos: 116_000,
  });
  const { spent } = await settled(lab, 'key', 'team-key');
  t.strictSame(spent, { requests: 1, tokens: 22, usd: '0.000116000' });
});
