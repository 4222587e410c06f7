import t, { type Test } from 'tap';
import type { Fact } from '../../../lib/pipeline/index.ts';
import { requestBytes } from '../../client/index.ts';
import { AS_TEAM, CLIENT_KEY, Lab, POOL_KEY } from '../../journeys/lab.ts';
import { startWeir } from '../../process/index.ts';
import type { Fields } from '../../raw/index.ts';
import type { Step } from '../../upstream/index.ts';
import * as up from '../../upstream/index.ts';

/**
 * What gateways have billed wrongly, each as its users met it. Costs are
 * written out: counts × nano-dollars for one.
 */
const JSON_TYPE: Fields = [['Content-Type', 'application/json']];
const SSE: Fields = [['Content-Type', 'text/event-stream']];
const STREAM: Fields = [...SSE, ['Transfer-Encoding', 'chunked']];

const RATES = {
  input: 3,
  cachedInput: '0.3',
  cacheWrite5m: '3.75',
  cacheWrite1h: 6,
  output: 15,
  webSearch: '0.01',
};

async function start(t: Test, estimate = false): Promise<Lab> {
  const origin = await up.Upstream.start();
  t.teardown(() => origin.close());
  const prices = [
    { models: ['claude-*', 'gpt-*'], ...RATES },
    { models: ['embed-*'], input: '0.02' },
    { models: ['rank-*'], searchUnit: '0.002' },
    { models: ['voice-*'], characters: 15 },
  ];
  const pooled = { origin: origin.origin, keys: ['env:TEST_POOL_KEY'], auth: 'bearer', prices };
  const weir = await startWeir(t, {
    config: {
      providers: {
        lab: { origin: origin.origin, dialect: 'openai', auth: 'none' },
        messages: { ...pooled, dialect: 'anthropic' },
        chat: { ...pooled, dialect: 'openai' },
        cohere: { origin: origin.origin, keys: ['env:TEST_POOL_KEY'], prices },
      },
      auth: { byo: true, staticKeys: [{ id: 'team-key', key: 'env:TEST_CLIENT_KEY', subject: 'team' }] },
      usage: { journal: './journal', store: 'none', estimate },
    },
    env: { TEST_POOL_KEY: POOL_KEY, TEST_CLIENT_KEY: CLIENT_KEY },
  });
  return new Lab(origin, weir);
}

async function journalFact(lab: Lab, id: string): Promise<Fact> {
  const find = () => lab.weir.journal('journal').facts.find(({ requestId }) => requestId === id);
  return lab.weir.changes.until(find, `the fact of ${id}`);
}

/** The fact of a request that is answered so. */
async function billed(lab: Lab, target: string, model: string, answer: readonly Step[]): Promise<Fact> {
  lab.up.reply(answer, { once: true });
  const { id, field } = lab.tag();
  const fields = [...AS_TEAM, ...JSON_TYPE, field];
  await lab.ask({ method: 'POST', target, fields, body: JSON.stringify({ model, stream: true }) });
  return journalFact(lab, id);
}

const event = (type: string, members: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;

const messageStart = (usage: object): string =>
  event('message_start', { message: { model: 'claude-x', usage } });
const messageEnd = (usage: object): string =>
  event('message_delta', { delta: { stop_reason: 'end_turn' }, usage }) + event('message_stop', {});

const MESSAGES = '/messages/v1/messages';
const CHAT = '/chat/v1/chat/completions';

t.test('cache-creation tokens are charged once, at their own rate', async t => {
  const lab = await start(t);
  const usage = {
    input_tokens: 100,
    cache_creation_input_tokens: 2000,
    cache_read_input_tokens: 5000,
    cache_creation: { ephemeral_5m_input_tokens: 1500, ephemeral_1h_input_tokens: 500 },
    output_tokens: 1,
  };
  const cost = 100 * 3000 + 5000 * 300 + 1500 * 3750 + 500 * 6000 + 40 * 15_000;
  const json = JSON.stringify({
    type: 'message',
    model: 'claude-x',
    usage: { ...usage, output_tokens: 40 },
  });
  const whole = await billed(lab, MESSAGES, 'claude-x', up.respond(200, JSON_TYPE, json));
  t.equal(whole.inputTokens, 7100, 'of which the parts are parts');
  t.equal(whole.costNanos, cost);
  const parts = [messageStart(usage), messageEnd({ ...usage, output_tokens: 40 })];
  const stream = await billed(lab, MESSAGES, 'claude-x', up.chunked(200, SSE, parts));
  t.equal(stream.costNanos, cost, 'a stream that states it twice');
});

t.test('cached tokens are not charged as full input', async t => {
  const lab = await start(t);
  const usage = {
    prompt_tokens: 10_000,
    completion_tokens: 10,
    prompt_tokens_details: { cached_tokens: 9000 },
  };
  const json = JSON.stringify({ model: 'gpt-x', choices: [], usage });
  const fact = await billed(lab, CHAT, 'gpt-x', up.respond(200, JSON_TYPE, json));
  t.equal(fact.costNanos, 1000 * 3000 + 9000 * 300 + 10 * 15_000);
});

t.test('a stream that fails with nothing said bills nothing, estimated or not', async t => {
  for (const estimate of [false, true]) {
    const lab = await start(t, estimate);
    const role = `data: ${JSON.stringify({ model: 'gpt-x', choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] })}\n\n`;
    const broken = await billed(lab, CHAT, 'gpt-x', [up.head(200, STREAM), up.chunk(role), up.rst()]);
    t.match(broken, { outcome: 'upstreamTruncated', costNanos: null, inputTokens: null });
    const refused = up.respond(429, JSON_TYPE, '{"error":{"message":"slow down"}}');
    t.match(await billed(lab, CHAT, 'gpt-x', refused), { costNanos: null, inputTokens: null });
    const overloaded = messageStart({ input_tokens: 500, output_tokens: 1 });
    const cut = await billed(lab, MESSAGES, 'claude-x', [
      up.head(200, STREAM),
      up.chunk(overloaded),
      up.rst(),
    ]);
    t.match(cut, {
      outcome: 'upstreamTruncated',
      inputTokens: 500,
      costNanos: null,
      usageSource: 'provider',
    });
  }
});

t.test(
  'an answer that was left is billed by one rule: never 0, and only by counts that are final or marked',
  async t => {
    const said = 'so it goes and goes and goes';
    const chat = `data: ${JSON.stringify({ model: 'gpt-x', choices: [{ index: 0, delta: { content: said } }] })}\n\n`;
    const messages =
      messageStart({ input_tokens: 500, output_tokens: 1 }) +
      event('content_block_delta', { delta: { type: 'text_delta', text: said } });
    for (const estimate of [false, true]) {
      const lab = await start(t, estimate);
      for (const [target, model, came] of [
        [CHAT, 'gpt-x', chat],
        [MESSAGES, 'claude-x', messages],
      ] as const) {
        lab.up.reply([up.head(200, STREAM), up.chunk(came), () => new Promise(() => {})], { once: true });
        const client = await lab.connect(t);
        const { id, field } = lab.tag();
        const fields = [...AS_TEAM, ...JSON_TYPE, field];
        await client.send(requestBytes({ target, fields, body: JSON.stringify({ model, stream: true }) }));
        await client.body(await client.expectHead()).atLeast(came.length);
        client.destroy();
        const fact = await journalFact(lab, id);
        if (!estimate) t.equal(fact.costNanos, null, `${model}: unpriced, and visible as that`);
        else {
          t.equal(fact.usageSource, 'estimated');
          t.equal(fact.outputTokens, 7);
          t.equal(fact.costNanos, fact.inputTokens! * 3000 + 7 * 15_000, model);
        }
      }
    }
  },
);

t.test(
  'usage that a stream states in parts is put together, not summed and not overwritten by nothing',
  async t => {
    const lab = await start(t);
    const parts = [
      messageStart({ input_tokens: 1000, cache_read_input_tokens: 200, output_tokens: 3 }),
      messageEnd({ output_tokens: 50 }),
    ];
    const fact = await billed(lab, MESSAGES, 'claude-x', up.chunked(200, SSE, parts));
    t.match(fact, { inputTokens: 1200, outputTokens: 50, cachedInputTokens: 200 });
    t.equal(fact.costNanos, 1000 * 3000 + 200 * 300 + 50 * 15_000);
    const chunk = (usage: object | null) =>
      `data: ${JSON.stringify({ model: 'gpt-x', choices: [], usage })}\n\n`;
    const running = [1, 2, 3].map(n => chunk({ prompt_tokens: 10, completion_tokens: n }));
    const chat = await billed(lab, CHAT, 'gpt-x', up.chunked(200, SSE, [...running, 'data: [DONE]\n\n']));
    t.match(
      chat,
      { inputTokens: 10, outputTokens: 3, costNanos: 10 * 3000 + 3 * 15_000 },
      'the last one counts',
    );
  },
);

t.test('every route has its model and its cost: a relay that passes all through too', async t => {
  const lab = await start(t);
  const embedding = JSON.stringify({
    model: 'embed-1',
    data: [],
    usage: { prompt_tokens: 500, total_tokens: 500 },
  });
  t.match(await billed(lab, '/chat/v1/embeddings', 'embed-1', up.respond(200, JSON_TYPE, embedding)), {
    operation: 'embedding',
    modelServed: 'embed-1',
    costNanos: 500 * 20,
  });
  const ranked = JSON.stringify({ results: [], meta: { billed_units: { search_units: 2 } } });
  t.match(await billed(lab, '/cohere/v2/rerank', 'rank-1', up.respond(200, JSON_TYPE, ranked)), {
    operation: 'rerank',
    modelRequested: 'rank-1',
    costNanos: 2 * 2_000_000,
  });
  const responses = JSON.stringify({
    object: 'response',
    model: 'gpt-x',
    usage: { input_tokens: 10, output_tokens: 5, input_tokens_details: { cached_tokens: 4 } },
  });
  t.match(await billed(lab, '/chat/v1/responses', 'gpt-x', up.respond(200, JSON_TYPE, responses)), {
    modelServed: 'gpt-x',
    costNanos: 6 * 3000 + 4 * 300 + 5 * 15_000,
  });
  const searched = messageEnd({ output_tokens: 5, server_tool_use: { web_search_requests: 3 } });
  const parts = [messageStart({ input_tokens: 10, output_tokens: 1 }), searched];
  t.match(await billed(lab, MESSAGES, 'claude-x', up.chunked(200, SSE, parts)), {
    costNanos: 10 * 3000 + 5 * 15_000 + 3 * 10_000_000,
  });
});

t.test('a batch is charged by nobody twice: its calls have no cost here, and say so', async t => {
  const lab = await start(t);
  const batch = JSON.stringify({
    id: 'batch_1',
    model: 'gpt-x',
    usage: { input_tokens: 1e6, output_tokens: 1e6 },
  });
  for (let i = 0; i < 3; i++)
    t.match(await billed(lab, '/chat/v1/batches', 'gpt-x', up.respond(200, JSON_TYPE, batch)), {
      operation: 'batches',
      costNanos: null,
      costSource: null,
    });
});

t.test('a model without a price is unpriced and not free', async t => {
  const lab = await start(t);
  const json = JSON.stringify({
    model: 'other-1',
    choices: [],
    usage: { prompt_tokens: 5, completion_tokens: 5 },
  });
  const fact = await billed(lab, CHAT, 'other-1', up.respond(200, JSON_TYPE, json));
  t.match(fact, { inputTokens: 5, costNanos: null, costSource: null, priceVersion: null });
});

t.test(
  'an answer at other rates than the usual ones has no cost, one that fell back to these has',
  async t => {
    const lab = await start(t);
    const message = (delta: object) =>
      up.chunked(200, SSE, [
        messageStart({ input_tokens: 10, output_tokens: 1, service_tier: 'standard', speed: 'fast' }),
        event('message_delta', { usage: { output_tokens: 5, ...delta } }),
        event('message_stop', {}),
      ]);
    const usage = { prompt_tokens: 10, completion_tokens: 5 };
    const chat = (service_tier: string | null) =>
      up.respond(200, JSON_TYPE, JSON.stringify({ model: 'gpt-1', service_tier, choices: [], usage }));
    const response = (service_tier: string) =>
      up.chunked(200, SSE, [
        event('response.created', { response: { model: 'gpt-1', service_tier: 'auto' } }),
        event('response.completed', {
          response: { model: 'gpt-1', service_tier, usage: { input_tokens: 10, output_tokens: 5 } },
        }),
      ]);
    const cost = 10 * 3000 + 5 * 15_000;
    const cases = [
      ['/messages/v1/messages', 'claude-1', message({}), null],
      ['/messages/v1/messages', 'claude-1', message({ speed: 'standard' }), cost],
      ['/messages/v1/messages', 'claude-1', message({ speed: 'standard', inference_geo: 'us' }), null],
      ['/chat/v1/chat/completions', 'gpt-1', chat('priority'), null],
      ['/chat/v1/chat/completions', 'gpt-1', chat('default'), cost],
      ['/chat/v1/chat/completions', 'gpt-1', chat(null), cost],
      ['/chat/v1/responses', 'gpt-1', response('flex'), null],
      ['/chat/v1/responses', 'gpt-1', response('default'), cost],
    ] as const;
    for (const [target, model, answer, costNanos] of cases) {
      const fact = await billed(lab, target, model, answer);
      t.hasStrict(fact, { costNanos, inputTokens: 10, outputTokens: 5 }, `${target} ${costNanos}`);
    }
  },
);
