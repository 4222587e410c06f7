import t from 'tap';
import { Refusal } from '../../lib/errors/index.ts';
import { ModelStage, needsWholeBody } from '../../lib/keys/model-stage.ts';
import { type Asked, exchangeOf, formOf, principalWith } from './model-request.ts';

const CHAT = '/openai/v1/chat/completions';
const stage = new ModelStage();

/** What the stage says: 'go on', or why not. */
async function judged(models: readonly string[] | null, asked: Asked): Promise<string> {
  const exchange = exchangeOf(asked);
  exchange.principal = principalWith(models);
  const result = await stage.run(exchange);
  if (!(result instanceof Refusal)) return 'go on';
  return result.code === 'model_not_granted' ? (result.detail ?? '') : result.code;
}

const chat = (models: readonly string[] | null, body: Asked['body']) =>
  judged(models, { target: CHAT, ...(body === undefined ? {} : { body }) });

t.test('the stage looks at requests whose body has been read', async t => {
  t.equal(stage.phase, 'inspect');
});

t.test('a grant that restricts no model asks nothing', async t => {
  t.equal(await chat(null, 'no JSON at all'), 'go on');
  const exchange = exchangeOf({ target: CHAT });
  exchange.principal = { ...principalWith(null), auth: 'byo', managed: false, grant: null };
  t.equal(stage.run(exchange), undefined);
});

t.test('every model that is named must be granted', async t => {
  t.equal(await chat(['gpt-*'], { model: 'gpt-4o' }), 'go on');
  t.equal(await chat(['gpt-*'], { model: 'o3' }), 'model o3');
  t.equal(await chat(['gpt-*', 'o?'], { model: 'gpt-4o', models: ['o3', 'gpt-x'] }), 'go on');
  t.equal(await chat(['gpt-*'], { model: 'gpt-4o', models: ['o3'] }), 'model o3');
  t.equal(await chat(['gpt-*'], { model: 'gpt-4o', tools: [{ type: 't', model: 'o3' }] }), 'model o3');
  t.equal(await chat(['gpt-*'], { model: 'gpt-4o,o3' }), 'model o3');
  t.equal(await chat([], { model: 'gpt-4o' }), 'model gpt-4o', 'an empty list is nothing');
  t.equal(
    await chat(['x'], { model: 'm'.repeat(500) }),
    `model ${'m'.repeat(128)}`,
    'no more than a line of it',
  );
});

t.test('a pattern with a slash is about the provider', async t => {
  t.equal(await chat(['openai/gpt-*'], { model: 'gpt-4o' }), 'go on');
  t.equal(await chat(['azure/gpt-*'], { model: 'gpt-4o' }), 'model gpt-4o');
});

t.test('tricks of spelling get nothing that is not granted', async t => {
  for (const model of [
    'gpt-4o ',
    ' gpt-4o',
    'GPT-4O',
    'gpt-4o-2024-08-06',
    'models/gpt-4o',
    'gpt-4o\u200b',
    'gpt-4o/',
  ]) {
    t.not(await chat(['gpt-4o'], { model }), 'go on', model);
  }
  t.not(await chat(['*'], { model: 'models/../gpt-4o' }), 'go on');
  for (const body of [
    '{"model":"gpt-4o","model":"o3"}',
    '{"model":"o3","model":"gpt-4o"}',
    '{"model":"gpt-4o","mod\\u0065l":"o3"}',
    '{"model":"gpt-4o","Model":"o3"}',
    `{"model":"gpt-4o","pad":"${'x'.repeat(1024 * 1024)}","model":"o3"}`,
    '{"model":"gpt-4o"}{"model":"o3"}',
    '\ufeff{"model":"gpt-4o"}',
    undefined,
  ]) {
    t.not(await chat(['*'], body), 'go on', body?.slice(0, 50) ?? 'no body');
  }
  t.equal(await judged(['gpt-4o'], { target: `${CHAT}?model=o3`, body: { model: 'gpt-4o' } }), 'model o3');
  t.equal(await judged(['a'], formOf([['model', 'a']])), 'go on');
  t.equal(await judged(['a'], formOf([['model', 'b']])), 'model b');
});

t.test('a path and a body that differ must both be granted', async t => {
  const deployment = { target: '/azure/openai/deployments/gpt-4o/chat/completions', body: { model: 'o3' } };
  t.equal(await judged(['gpt-4o'], deployment), 'model o3');
  t.equal(await judged(['o3'], deployment), 'model gpt-4o');
  t.equal(await judged(['gpt-4o', 'o3'], deployment), 'go on');
  const gemini = {
    target: '/google/v1beta/models/gemini-x:generateContent',
    body: { model: 'models/gemini-x' },
  };
  t.equal(await judged(['gemini-*'], gemini), 'go on');
});

t.test('what runs no model, and what nobody can tell', async t => {
  t.equal(await judged(['x'], { method: 'GET', target: '/openai/v1/models' }), 'go on');
  t.equal(await judged(['x'], { target: '/openai/v1/files', body: 'data' }), 'go on');
  t.equal(await judged(['x'], { method: 'DELETE', target: '/openai/v1/responses/r' }), 'go on');
  t.not(await judged(['*'], { target: '/openai/v1/batches', body: { input_file_id: 'f' } }), 'go on');
});

t.test('the body is needed where it may state a model, and left to stream elsewhere', async t => {
  for (const target of [
    CHAT,
    '/openai/v1/audio/transcriptions',
    '/openai/v1/moderations',
    '/bedrock/model/m/converse',
  ]) {
    t.equal(needsWholeBody(exchangeOf({ target })), true, target);
  }
  for (const target of [
    '/openai/v1/files',
    '/openai/v1/batches',
    '/openai/v1/uploads/u/parts',
    '/openai/v1/videos',
  ]) {
    t.equal(needsWholeBody(exchangeOf({ target })), false, target);
  }
  t.equal(needsWholeBody(exchangeOf({ method: 'GET', target: '/openai/v1/models' })), false);
});

t.test('a long body is read in steps, between which others have their turn', async t => {
  const body = `{"x":[${'[],'.repeat(1_000_000)}1],"model":"late"}`;
  const exchange = exchangeOf({ target: CHAT, body });
  exchange.principal = principalWith(['late']);
  let turns = 0;
  let over = false;
  const count = (): void => {
    turns++;
    if (!over) setImmediate(count);
  };
  const result = stage.run(exchange);
  t.ok(result instanceof Promise);
  setImmediate(count);
  t.equal(await result, undefined);
  over = true;
  t.ok(turns > 5, `${turns} turns`);
  exchange.principal = principalWith(['other']);
  t.equal(((await stage.run(exchange)) as Refusal).detail, 'model late');
});

t.test('an exchange that is over is read no further', async t => {
  const exchange = exchangeOf({
    target: CHAT,
    body: `{"x":"${'y'.repeat(600 * 1024)}",${'"z":1,'.repeat(200_000)}"model":"m"}`,
  });
  exchange.principal = principalWith([]);
  const result = stage.run(exchange);
  exchange.settled = true;
  t.equal(await result, undefined);
});
