import { ApiError, GoogleGenAI } from '@google/genai';
import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { respond } from '../upstream/index.ts';
import { generateAnswer, generateStream, INPUT_TOKENS, jsonAnswer, OUTPUT_TOKENS, TEXT } from './answers.ts';
import { CLIENT_KEY, NARROW_KEY, OWN_KEY, readStream, startSdkLab, withEnvironment } from './sdk-lab.ts';

const lab = await startSdkLab(t, { providers: ['google'] });
const question = { model: 'gauge-1', contents: 'How high is the water?' };
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;

function client(provider: string, apiKey: string): GoogleGenAI {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: lab.base(provider) } });
}

t.test('the demo, by GOOGLE_GEMINI_BASE_URL and GEMINI_API_KEY', async t => {
  await withEnvironment(
    { GOOGLE_GEMINI_BASE_URL: lab.base('demo'), GEMINI_API_KEY: CLIENT_KEY },
    async () => {
      const { models } = new GoogleGenAI({});
      const told = { provider: 'demo', dialect: 'gemini', operation: 'chat', auth: 'virtual' } as const;
      const whole = await models.generateContent(question);
      t.equal(whole.text, SCRIPT_TEXT);
      const { promptTokenCount } = whole.usageMetadata!;
      await lab.expectFact(t, {
        ...told,
        stream: false,
        modelRequested: 'gauge-1',
        inputTokens: promptTokenCount!,
        outputTokens: SCRIPT_PIECES.length,
      });
      const streamed = await readStream(await models.generateContentStream(question), step => step.text);
      t.strictSame(streamed, { text: SCRIPT_TEXT, pieces: SCRIPT_PIECES.length });
      await lab.expectFact(t, { ...told, stream: true, outputTokens: SCRIPT_PIECES.length });
      t.ok((await models.countTokens(question)).totalTokens! > 0);
      await lab.expectFact(t, { provider: 'demo', operation: 'count_tokens', inputTokens: null });
    },
  );
});

t.test('with a client key, and with the own', async t => {
  for (const apiKey of [CLIENT_KEY, OWN_KEY]) {
    const expectKey = () =>
      apiKey === CLIENT_KEY ? lab.expectManaged(t, 'x-goog-api-key') : lab.expectOwn(t, 'x-goog-api-key');
    const told = {
      provider: 'google',
      dialect: 'gemini',
      operation: 'chat',
      auth: apiKey === CLIENT_KEY ? 'virtual' : 'byo',
      ...USAGE,
    } as const;
    const { models } = client('google', apiKey);
    lab.up.reply(generateAnswer, { once: true });
    t.equal((await models.generateContent(question)).text, TEXT);
    t.match((await expectKey()).target, /^\/v1(beta)?\/models\/gauge-1:generateContent$/);
    await lab.expectFact(t, { ...told, stream: false });

    const { script, hold } = generateStream();
    lab.up.reply(script, { once: true });
    const streamed = await readStream(
      await models.generateContentStream(question),
      step => step.text,
      hold.open,
    );
    t.strictSame(streamed, { text: TEXT, pieces: 3 });
    t.match((await expectKey()).target, /^\/v1(beta)?\/models\/gauge-1:streamGenerateContent\?alt=sse$/);
    await lab.expectFact(t, { ...told, stream: true });
  }
});

t.test('an upload goes on through the gateway', async t => {
  for (const apiKey of [CLIENT_KEY, OWN_KEY]) {
    const expectKey = () =>
      apiKey === CLIENT_KEY ? lab.expectManaged(t, 'x-goog-api-key') : lab.expectOwn(t, 'x-goog-api-key');
    const bytes = 'a gauge reading, in plain words';
    const place = '/upload/v1beta/files?upload_id=u-1&upload_protocol=resumable';
    const started = [
      ['X-Goog-Upload-URL', lab.up.origin + place],
      ['X-Goog-Upload-Status', 'active'],
    ] as const;
    lab.up.reply(respond(200, started, ''), { once: true });
    const file = { file: { name: 'files/f-1', uri: 'https://files.example/f-1', mimeType: 'text/plain' } };
    const ended = [
      ['Content-Type', 'application/json'],
      ['X-Goog-Upload-Status', 'final'],
    ] as const;
    // The second request follows at once: its answer must be ready before the first.
    lab.up.reply(respond(200, ended, JSON.stringify(file)), { once: true });
    const uploading = client('google', apiKey).files.upload({
      file: new Blob([bytes], { type: 'text/plain' }),
      config: { mimeType: 'text/plain' },
    });
    const start = await expectKey();
    t.match(start.target, /^\/upload\/v1(beta)?\/files$/);
    t.equal(start.value('x-goog-upload-command'), 'start');
    await lab.expectFact(t, { provider: 'google', operation: 'files', requestBytes: start.bodyBytes });
    t.equal((await uploading).name, 'files/f-1');
    const bytesSent = await expectKey();
    t.equal(bytesSent.target, place);
    t.equal((await bytesSent.wholeBody()).toString(), bytes);
    await lab.expectFact(t, {
      provider: 'google',
      path: '/google/upload/v1beta/files',
      requestBytes: bytes.length,
    });
  }
});

t.test('models', async t => {
  lab.up.reply(jsonAnswer({ models: [{ name: 'models/gauge-1' }] }), { once: true });
  const pager = await client('google', CLIENT_KEY).models.list();
  t.equal(pager.page[0]?.name, 'models/gauge-1');
  await lab.expectManaged(t, 'x-goog-api-key');
  await lab.expectFact(t, { provider: 'google', operation: 'models' });
});

t.test('our refusals are the errors of the SDK', async t => {
  const strict = await startSdkLab(t, { providers: ['google'], byo: false });
  const refused = async (apiKey: string, provider: string, status: number, code: string): Promise<void> => {
    const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: strict.base(provider) } });
    const error = await client.models.generateContent(question).then(
      () => 'an answer',
      reason => reason,
    );
    t.type(error, ApiError, code);
    t.match(error, { status });
    t.match(JSON.parse(error.message), { error: { code: status, message: String, status: String } });
    t.match(await strict.nextFact(), { outcome: 'refused', errorCode: code });
  };
  await refused(OWN_KEY, 'google', 401, 'invalid_key');
  await refused(CLIENT_KEY, 'nobody', 404, 'unknown_provider');
  await refused(NARROW_KEY, 'google', 403, 'not_granted');
  t.equal(strict.up.requests.length, 0, 'nothing went upstream');
  t.equal(strict.factsLeft, 0, 'each was asked once');
  await lab.lab.check(t);
});
