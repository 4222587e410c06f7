import t, { type Test } from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { RawClient, requestBytes } from '../client/index.ts';
import { startWeir } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import type { Step } from '../upstream/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, CLIENT_KEY, Lab, POOL_KEY } from './lab.ts';

const JSON_TYPE: Fields = [['Content-Type', 'application/json']];
const STREAM: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];
const never: Step = () => new Promise(() => {});

/** Prices of 1 µUSD for a token in, 10 for one out. */
const PRICES = [{ models: ['*'], input: 1, output: 10 }];

async function startEstimateLab(t: Test, estimate: boolean, cwd?: string): Promise<Lab> {
  const origin = await up.Upstream.start();
  t.teardown(() => origin.close());
  const pooled = { origin: origin.origin, keys: ['env:TEST_POOL_KEY'], auth: 'bearer', prices: PRICES };
  const weir = await startWeir(t, {
    ...(cwd === undefined ? {} : { cwd }),
    config: {
      providers: {
        lab: { origin: origin.origin, dialect: 'openai', auth: 'none' },
        chat: { ...pooled, dialect: 'openai' },
        messages: { ...pooled, dialect: 'anthropic' },
      },
      auth: { byo: true, staticKeys: [{ id: 'team-key', key: 'env:TEST_CLIENT_KEY', subject: 'team' }] },
      usage: { journal: './journal', store: 'none', estimate },
    },
    env: { TEST_POOL_KEY: POOL_KEY, TEST_CLIENT_KEY: CLIENT_KEY },
  });
  return new Lab(origin, weir);
}

/** The fact in the journal of the request with that id, once it is there. */
async function factOf(lab: Lab, id: string): Promise<Fact> {
  const find = () => lab.weir.journal('journal').facts.find(({ requestId }) => requestId === id);
  return lab.weir.changes.until(find, `the fact of ${id}`);
}

/** 40 words of a prompt: about as many tokens; four bytes a token make the body more. */
const PROMPT = Array.from({ length: 40 }, (_, i) => `word${i % 10}`).join(' ');
const body = (model: string, content: string): string =>
  JSON.stringify({ model, stream: true, messages: [{ role: 'user', content }] });
const PLAIN = body('m', PROMPT);
const INPUT = Math.ceil(PLAIN.length / 4);

const chatEvent = (content: string): string =>
  `data: ${JSON.stringify({ id: 'c-1', model: 'm', choices: [{ index: 0, delta: { content } }] })}\n\n`;
const WORDS = 'so it goes on and on and on for a while';
const SAID = Array.from({ length: 10 }, () => chatEvent(WORDS)).join('');
/** A token each. */
const OUTPUT = 10 * WORDS.split(' ').length;

const START = `event: message_start\ndata: ${JSON.stringify({
  type: 'message_start',
  message: { model: 'm', usage: { input_tokens: 11, output_tokens: 1 } },
})}\n\n`;
const DELTA = `event: content_block_delta\ndata: ${JSON.stringify({
  type: 'content_block_delta',
  delta: { type: 'text_delta', text: WORDS },
})}\n\n`;

/** A client that leaves when it has had what came. */
async function leaveAfter(t: Test, lab: Lab, target: string, request: string, came: string): Promise<Fact> {
  const script = came === '' ? [never] : [up.head(200, STREAM), up.chunk(came), never];
  lab.up.reply(script, { once: true });
  const client = await lab.connect(t);
  const { id, field } = lab.tag();
  await client.send(requestBytes({ target, fields: [...AS_TEAM, ...JSON_TYPE, field], body: request }));
  await (await lab.up.next()).wholeBody();
  if (came !== '') await client.body(await client.expectHead()).atLeast(came.length);
  client.destroy();
  return factOf(lab, id);
}

t.test('what an exchange has used that its client left', async t => {
  const lab = await startEstimateLab(t, true);
  t.match(await leaveAfter(t, lab, '/chat/v1/chat/completions', PLAIN, SAID), {
    outcome: 'clientAborted',
    inputTokens: INPUT,
    outputTokens: OUTPUT,
    cachedInputTokens: null,
    usageSource: 'estimated',
    usageNote: 'bothEstimated',
    costNanos: INPUT * 1000 + OUTPUT * 10_000,
    costSource: 'price',
  });
  const split = await leaveAfter(t, lab, '/messages/v1/messages', PLAIN, START + DELTA);
  t.match(split, {
    inputTokens: 11,
    outputTokens: OUTPUT / 10,
    usageSource: 'estimated',
    usageNote: 'outputEstimated',
    costNanos: 11 * 1000 + OUTPUT * 1000,
  });
  t.match(await leaveAfter(t, lab, '/messages/v1/messages', PLAIN, START), {
    inputTokens: 11,
    outputTokens: 1,
    usageSource: 'provider',
    usageNote: null,
    costNanos: null,
  });
  t.match(await leaveAfter(t, lab, '/chat/v1/chat/completions', PLAIN, ''), {
    status: null,
    inputTokens: INPUT,
    outputTokens: null,
    usageNote: 'inputEstimated',
    costNanos: null,
  });
  const image = body('m', `data:image/png;base64,${'iVBORw0KGgoAAAANSUhEUg'.repeat(400)}`);
  const seen = await leaveAfter(t, lab, '/chat/v1/chat/completions', image, SAID);
  t.ok(
    seen.inputTokens! < 40,
    `an image is not taken for text: ${seen.inputTokens} of ${image.length} bytes`,
  );
});

t.test('what nobody states of an answer that came whole', async t => {
  const lab = await startEstimateLab(t, true);
  const ask = async (target: string, request: string, answer: readonly Step[], fields = AS_TEAM) => {
    lab.up.reply(answer, { once: true });
    const { id, field } = lab.tag();
    await lab.ask({ method: 'POST', target, fields: [...fields, ...JSON_TYPE, field], body: request });
    return factOf(lab, id);
  };
  const chat = '/chat/v1/chat/completions';
  const end = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`;
  t.match(await ask(chat, PLAIN, up.chunked(200, [['Content-Type', 'text/event-stream']], [SAID, end])), {
    outcome: 'complete',
    inputTokens: INPUT,
    outputTokens: OUTPUT,
    usageSource: 'estimated',
    costNanos: INPUT * 1000 + OUTPUT * 10_000,
  });
  const NONE = {
    inputTokens: null,
    outputTokens: null,
    usageSource: 'none',
    usageNote: null,
    costNanos: null,
  };
  t.match(await ask(chat, PLAIN, up.respond(500, JSON_TYPE, '{"error":{}}')), NONE, 'an error');
  const reset = [up.head(200, STREAM), up.chunk(': hello\n\n'), up.rst()];
  t.match(
    await ask(chat, PLAIN, reset),
    { ...NONE, outcome: 'upstreamTruncated' },
    'broken off before a word',
  );
  t.match(await ask(chat, PLAIN, [up.rst()]), { ...NONE, outcome: 'upstreamFailed' }, 'no answer');
  const cut = [up.head(200, STREAM), up.chunk(SAID), up.rst()];
  t.match(await ask(chat, PLAIN, cut), {
    outcome: 'upstreamTruncated',
    inputTokens: INPUT,
    outputTokens: OUTPUT,
    usageSource: 'estimated',
  });
  const stated = JSON.stringify({ model: 'm', usage: { prompt_tokens: 7, completion_tokens: 3 } });
  t.match(
    await ask(chat, PLAIN, up.respond(200, JSON_TYPE, stated)),
    { inputTokens: 7, outputTokens: 3, usageSource: 'provider', usageNote: null },
    'what is stated stands',
  );
  t.match(
    await ask('/chat/v1/embeddings', PLAIN, up.respond(200, JSON_TYPE, '{"data":[]}')),
    { inputTokens: INPUT, outputTokens: null, usageNote: 'inputEstimated' },
    'an embedding has no output',
  );
  t.match(await ask('/chat/v1/images/generations', PLAIN, up.respond(200, JSON_TYPE, '{"data":[]}')), {
    ...NONE,
    inputTokens: null,
  });
});

t.test('without the setting nothing is estimated', async t => {
  const lab = await startEstimateLab(t, false);
  t.match(await leaveAfter(t, lab, '/chat/v1/chat/completions', PLAIN, SAID), {
    inputTokens: null,
    outputTokens: null,
    usageSource: 'none',
    usageNote: null,
    costNanos: null,
  });
});

t.test('what a crash cut off has its input estimated, and no output', async t => {
  const cwd = t.testdir();
  const lab = await startEstimateLab(t, true, cwd);
  lab.up.reply([up.head(200, STREAM), up.chunk(SAID), never], { once: true });
  const client = await RawClient.connect(lab.port);
  t.teardown(() => client.destroy());
  const { id, field } = lab.tag();
  await client.send(
    requestBytes({
      target: '/chat/v1/chat/completions',
      fields: [...AS_TEAM, ...JSON_TYPE, field],
      body: PLAIN,
    }),
  );
  await client.body(await client.expectHead()).atLeast(SAID.length);
  await lab.weir.stop('SIGKILL');
  const next = await startEstimateLab(t, true, cwd);
  await next.weir.line(({ text }) => text.includes('lost'), 'that an exchange is lost');
  const lost = await factOf(next, id);
  await next.check(t);
  const other = next.weir.journal('journal').facts.at(-1)!;
  t.strictSame(Object.keys(lost).sort(), Object.keys(other).sort(), 'every member, once');
  t.match(lost, {
    outcome: 'lost',
    modelRequested: 'm',
    inputTokens: INPUT,
    outputTokens: null,
    usageSource: 'estimated',
    usageNote: 'inputEstimated',
    costNanos: null,
  });
});
