import { Cohere, CohereClientV2 } from 'cohere-ai';
import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { INPUT_TOKENS, jsonAnswer, OUTPUT_TOKENS, TEXT, v2ChatAnswer, v2ChatStream } from './answers.ts';
import { CLIENT_KEY, NARROW_KEY, OWN_KEY, POOL_KEY, readStream, startSdkLab } from './sdk-lab.ts';

const lab = await startSdkLab(t, { providers: ['cohere'] });
const question = {
  model: 'gauge-1',
  messages: [{ role: 'user' as const, content: 'How high is the water?' }],
};
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;
const MANAGED = ['authorization', `Bearer ${POOL_KEY}`] as const;

function client(provider: string, token: string): CohereClientV2 {
  return new CohereClientV2({ baseUrl: lab.base(provider), token });
}

function wordsOf(answer: Cohere.V2ChatResponse): string | null {
  const part = answer.message.content?.[0];
  return part?.type === 'text' ? part.text : null;
}

function textOf(event: Cohere.V2ChatStreamResponse): string | null | undefined {
  return event.type === 'content-delta' ? event.delta?.message?.content?.text : null;
}

t.test('the demo', async t => {
  const cohere = client('demo', CLIENT_KEY);
  t.equal(wordsOf(await cohere.chat(question)), SCRIPT_TEXT);
  const told = { provider: 'demo', dialect: 'cohere', operation: 'chat', auth: 'virtual' } as const;
  await lab.expectFact(t, { ...told, stream: false, outputTokens: SCRIPT_PIECES.length });
  const streamed = await readStream(await cohere.chatStream(question), textOf);
  t.strictSame(streamed, { text: SCRIPT_TEXT, pieces: SCRIPT_PIECES.length });
  await lab.expectFact(t, { ...told, stream: true, outputTokens: SCRIPT_PIECES.length });
});

t.test('with a client key', async t => {
  const cohere = client('cohere', CLIENT_KEY);
  lab.up.reply(v2ChatAnswer, { once: true });
  t.equal(wordsOf(await cohere.chat(question)), TEXT);
  t.equal((await lab.expectManaged(t, ...MANAGED)).target, '/v2/chat');
  const told = { provider: 'cohere', dialect: 'cohere', auth: 'virtual' } as const;
  await lab.expectFact(t, { ...told, operation: 'chat', stream: false, ...USAGE });

  const { script, hold } = v2ChatStream();
  lab.up.reply(script, { once: true });
  const streamed = await readStream(await cohere.chatStream(question), textOf, hold.open);
  t.strictSame(streamed, { text: TEXT, pieces: 3 });
  await lab.expectManaged(t, ...MANAGED);
  await lab.expectFact(t, { ...told, operation: 'chat', stream: true, ...USAGE });

  const meta = { api_version: { version: '2' }, billed_units: { input_tokens: 3 } };
  lab.up.reply(jsonAnswer({ id: 'e-1', embeddings: { float: [[1, 0]] }, texts: ['x'], meta }), {
    once: true,
  });
  const embedded = await cohere.embed({
    model: 'gauge-1',
    texts: ['x'],
    inputType: 'search_query',
    embeddingTypes: ['float'],
  });
  t.strictSame(embedded.embeddings.float, [[1, 0]]);
  t.equal((await lab.expectManaged(t, ...MANAGED)).target, '/v2/embed');
  await lab.expectFact(t, { ...told, operation: 'embedding', inputTokens: 3 });

  const results = [{ index: 0, relevance_score: 0.5 }];
  lab.up.reply(jsonAnswer({ id: 'r-1', results, meta: { billed_units: { search_units: 1 } } }), {
    once: true,
  });
  const ranked = await cohere.rerank({ model: 'gauge-1', query: 'x', documents: ['y'] });
  t.equal(ranked.results[0]?.relevanceScore, 0.5);
  t.equal((await lab.expectManaged(t, ...MANAGED)).target, '/v2/rerank');
  await lab.expectFact(t, { ...told, operation: 'rerank', measures: { searchUnits: 1 } });
});

t.test('with the own key', async t => {
  lab.up.reply(v2ChatAnswer, { once: true });
  await client('cohere', OWN_KEY).chat(question);
  await lab.expectOwn(t, 'authorization', `Bearer ${OWN_KEY}`);
  await lab.expectFact(t, { auth: 'byo', poolKey: null, ...USAGE });
});

t.test('our refusals are the errors of the SDK', async t => {
  const strict = await startSdkLab(t, { providers: ['cohere'], byo: false });
  const refused = async (token: string, provider: string, type: unknown, code: string): Promise<void> => {
    const error = await new CohereClientV2({ baseUrl: strict.base(provider), token }).chat(question).then(
      () => 'an answer',
      reason => reason,
    );
    t.type(error, type as never, code);
    t.match(await strict.nextFact(), { outcome: 'refused', errorCode: code });
  };
  await refused(OWN_KEY, 'cohere', Cohere.UnauthorizedError, 'invalid_key');
  await refused(CLIENT_KEY, 'nobody', Cohere.NotFoundError, 'unknown_provider');
  await refused(NARROW_KEY, 'cohere', Cohere.ForbiddenError, 'not_granted');
  t.equal(strict.up.requests.length, 0, 'nothing went upstream');
  t.equal(strict.factsLeft, 0, 'each was asked once');
  await lab.lab.check(t);
});
