import { Ollama } from 'ollama';
import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { INPUT_TOKENS, nativeChatAnswer, nativeChatStream, OUTPUT_TOKENS, TEXT } from './answers.ts';
import { CLIENT_KEY, OWN_KEY, POOL_KEY, readStream, startSdkLab } from './sdk-lab.ts';

const lab = await startSdkLab(t, { providers: ['ollama'] });
const question = { model: 'gauge-1', messages: [{ role: 'user', content: 'How high is the water?' }] };
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;

function client(provider: string, key: string): Ollama {
  return new Ollama({ host: lab.base(provider), headers: { Authorization: `Bearer ${key}` } });
}

t.test('the demo', async t => {
  const ollama = client('demo', CLIENT_KEY);
  t.equal((await ollama.version()).version, '0.0.0');
  await lab.expectFact(t, { provider: 'demo', path: '/demo/api/version' });
  t.equal((await ollama.list()).models[0]?.name, 'demo:latest');
  await lab.expectFact(t, { provider: 'demo', operation: 'models' });
  t.strictSame((await ollama.show({ model: 'demo' })).capabilities, ['completion']);
  await lab.expectFact(t, { provider: 'demo', path: '/demo/api/show' });

  const told = { provider: 'demo', dialect: 'ollama', auth: 'virtual' } as const;
  const whole = await ollama.chat(question);
  t.equal(whole.message.content, SCRIPT_TEXT);
  await lab.expectFact(t, {
    ...told,
    operation: 'chat',
    stream: false,
    inputTokens: whole.prompt_eval_count,
    outputTokens: SCRIPT_PIECES.length,
  });
  const streamed = await readStream(
    await ollama.chat({ ...question, stream: true }),
    line => line.message.content,
  );
  t.strictSame(streamed, { text: SCRIPT_TEXT, pieces: SCRIPT_PIECES.length });
  await lab.expectFact(t, { ...told, operation: 'chat', stream: true, outputTokens: SCRIPT_PIECES.length });
  const generated = await ollama.generate({ model: 'demo', prompt: 'x' });
  t.equal(generated.response, SCRIPT_TEXT);
  await lab.expectFact(t, { ...told, stream: false, outputTokens: SCRIPT_PIECES.length });
});

t.test('with a client key, to a server that wants one', async t => {
  const ollama = client('ollama', CLIENT_KEY);
  lab.up.reply(nativeChatAnswer, { once: true });
  t.equal((await ollama.chat(question)).message.content, TEXT);
  t.equal((await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`)).target, '/api/chat');
  const told = {
    provider: 'ollama',
    dialect: 'ollama',
    operation: 'chat',
    auth: 'virtual',
    ...USAGE,
  } as const;
  await lab.expectFact(t, { ...told, stream: false });

  const { script, hold } = nativeChatStream();
  lab.up.reply(script, { once: true });
  const streamed = await readStream(
    await ollama.chat({ ...question, stream: true }),
    line => line.message.content,
    hold.open,
  );
  t.strictSame(streamed, { text: TEXT, pieces: 3 });
  await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
  await lab.expectFact(t, { ...told, stream: true });
});

t.test('with the own key', async t => {
  lab.up.reply(nativeChatAnswer, { once: true });
  await client('ollama', OWN_KEY).chat(question);
  await lab.expectOwn(t, 'authorization', `Bearer ${OWN_KEY}`);
  await lab.expectFact(t, { auth: 'byo', poolKey: null, ...USAGE });
});

t.test('our refusals are the errors of the SDK', async t => {
  const strict = await startSdkLab(t, { providers: ['ollama'], byo: false });
  const refused = async (key: string, provider: string, status_code: number, code: string): Promise<void> => {
    const headers = { Authorization: `Bearer ${key}` };
    const error = await new Ollama({ host: strict.base(provider), headers }).chat(question).then(
      () => 'an answer',
      reason => reason,
    );
    t.match(error, { name: 'ResponseError', status_code }, code);
    t.match(await strict.nextFact(), { outcome: 'refused', errorCode: code });
    if (code === 'invalid_key') t.type(error.error, 'string', 'worded as this client reads it');
  };
  await refused(OWN_KEY, 'ollama', 401, 'invalid_key');
  await refused(CLIENT_KEY, 'nobody', 404, 'unknown_provider');
  t.equal(strict.up.requests.length, 0, 'nothing went upstream');
  t.equal(strict.factsLeft, 0, 'each was asked once');
  await lab.lab.check(t);
});
