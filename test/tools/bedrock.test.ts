import t from 'tap';
import { heldStream, INPUT_TOKENS, jsonAnswer, OUTPUT_TOKENS, PIECES, TEXT } from '../sdks/answers.ts';
import {
  CLIENT_KEY,
  NARROW_KEY,
  OWN_KEY,
  POOL_KEY,
  readStream,
  startSdkLab,
  withEnvironment,
} from '../sdks/sdk-lab.ts';
import { eventMessage } from './event-stream.ts';
import { importPackage, toolTest } from './tool-run.ts';

interface ConverseEvent {
  readonly contentBlockDelta?: { readonly delta?: { readonly text?: string } };
}

interface Client {
  send(command: unknown): Promise<{
    readonly output?: { readonly message?: { readonly content?: readonly { readonly text?: string }[] } };
    readonly usage?: unknown;
    readonly stream?: AsyncIterable<ConverseEvent>;
    readonly body?: Uint8Array;
  }>;
}

interface AwsSdk {
  readonly BedrockRuntimeClient: new (options: Readonly<Record<string, unknown>>) => Client;
  readonly ConverseCommand: new (input: unknown) => unknown;
  readonly ConverseStreamCommand: new (input: unknown) => unknown;
  readonly InvokeModelCommand: new (input: unknown) => unknown;
}

const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;
const STATED = {
  inputTokens: INPUT_TOKENS,
  outputTokens: OUTPUT_TOKENS,
  totalTokens: INPUT_TOKENS + OUTPUT_TOKENS,
};
const MODEL = 'vendor.gauge-1:0';
/** As the SDK sends it: the colon of a model id is escaped, and must stay so. */
const MODEL_PATH = '/model/vendor.gauge-1%3A0';
const MANAGED = ['authorization', `Bearer ${POOL_KEY}`] as const;

const converse = {
  modelId: MODEL,
  messages: [{ role: 'user', content: [{ text: 'How high is the water?' }] }],
};

const whole = jsonAnswer({
  output: { message: { role: 'assistant', content: [{ text: TEXT }] } },
  stopReason: 'end_turn',
  usage: STATED,
  metrics: { latencyMs: 1 },
});

function eventStream() {
  const events = [
    eventMessage('messageStart', { role: 'assistant' }),
    ...PIECES.map(text => eventMessage('contentBlockDelta', { contentBlockIndex: 0, delta: { text } })),
    eventMessage('contentBlockStop', { contentBlockIndex: 0 }),
    eventMessage('messageStop', { stopReason: 'end_turn' }),
    eventMessage('metadata', { usage: STATED, metrics: { latencyMs: 1 } }),
  ];
  return heldStream('application/vnd.amazon.eventstream', events, 2);
}

/** The SDK's own choice for this service is HTTP/2 without asking, which the gateway does not speak. */
interface NodeHandlers {
  readonly NodeHttpHandler: new () => unknown;
}

toolTest(t, 'AWS SDK, by endpoint, AWS_BEARER_TOKEN_BEDROCK and its HTTP/1.1 handler', async t => {
  const lab = await startSdkLab(t, { providers: ['bedrock'], settings: { region: 'eu-west-1' } });
  const aws = await importPackage<AwsSdk>('@aws-sdk/client-bedrock-runtime');
  const { NodeHttpHandler } = await importPackage<NodeHandlers>('@smithy/node-http-handler');
  const withKey = <T>(key: string, run: (client: Client) => Promise<T>): Promise<T> =>
    withEnvironment({ AWS_BEARER_TOKEN_BEDROCK: key, AWS_EC2_METADATA_DISABLED: 'true' }, () =>
      run(
        new aws.BedrockRuntimeClient({
          region: 'eu-west-1',
          endpoint: lab.base('bedrock'),
          requestHandler: new NodeHttpHandler(),
        }),
      ),
    );
  const told = { provider: 'bedrock', operation: 'chat', modelRequested: MODEL, ...USAGE } as const;

  await t.test('converse, converse-stream and invoke with a client key', t =>
    withKey(CLIENT_KEY, async client => {
      lab.up.reply(whole, { once: true });
      const { output, usage } = await client.send(new aws.ConverseCommand(converse));
      t.equal(output?.message?.content?.[0]?.text, TEXT);
      t.match(usage, STATED);
      t.equal((await lab.expectManaged(t, ...MANAGED)).target, `${MODEL_PATH}/converse`);
      await lab.expectFact(t, { ...told, dialect: 'bedrock-converse', auth: 'virtual', stream: false });

      const { script, hold } = eventStream();
      lab.up.reply(script, { once: true });
      const { stream } = await client.send(new aws.ConverseStreamCommand(converse));
      const streamed = await readStream(stream!, event => event.contentBlockDelta?.delta?.text, hold.open);
      t.strictSame(streamed, { text: TEXT, pieces: 3 });
      t.equal((await lab.expectManaged(t, ...MANAGED)).target, `${MODEL_PATH}/converse-stream`);
      await lab.expectFact(t, { ...told, dialect: 'bedrock-converse', auth: 'virtual', stream: true });

      lab.up.reply(jsonAnswer({ usage: { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS } }), {
        once: true,
      });
      const invoked = await client.send(
        new aws.InvokeModelCommand({ modelId: MODEL, body: '{"prompt":"x"}' }),
      );
      t.match(Buffer.from(invoked.body!).toString(), /input_tokens/);
      t.equal((await lab.expectManaged(t, ...MANAGED)).target, `${MODEL_PATH}/invoke`);
      await lab.expectFact(t, { ...told, dialect: 'bedrock-invoke', stream: false });
    }),
  );

  await t.test('with the own Bedrock key', t =>
    withKey(OWN_KEY, async client => {
      lab.up.reply(whole, { once: true });
      await client.send(new aws.ConverseCommand(converse));
      await lab.expectOwn(t, 'authorization', `Bearer ${OWN_KEY}`);
      await lab.expectFact(t, { ...told, auth: 'byo', poolKey: null });
    }),
  );

  await t.test('our refusal is an error of the SDK', t =>
    withKey(NARROW_KEY, async client => {
      const error = await client.send(new aws.ConverseCommand(converse)).catch((reason: unknown) => reason);
      t.match(error, { name: 'AccessDeniedException', $metadata: { httpStatusCode: 403 } });
      t.match(await lab.nextFact(), { outcome: 'refused', errorCode: 'not_granted' });
    }),
  );
  t.equal(lab.factsLeft, 0, 'each was asked once');
  await lab.lab.check(t);
});
