import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { chatStream, INPUT_TOKENS, messagesStream, OUTPUT_TOKENS, TEXT } from '../sdks/answers.ts';
import { CLIENT_KEY, POOL_KEY, startSdkLab } from '../sdks/sdk-lab.ts';
import { packageFile, runTool, toolTest } from './tool-run.ts';

const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;

/** Its config is YAML, of which JSON is a part. */
function cn(provider: string, apiBase: string) {
  const model = { name: 'gauge', provider, model: 'gauge-1', apiBase, apiKey: CLIENT_KEY, roles: ['chat'] };
  return {
    command: [packageFile('@continuedev/cli/dist/cn.js')],
    args: ['-p', 'hi', '--config', '../config.yaml'],
    env: { CONTINUE_TELEMETRY_ENABLED: '0' },
    files: {
      'config.yaml': JSON.stringify({ name: 'weir', version: '0.0.1', schema: 'v1', models: [model] }),
    },
  };
}

toolTest(t, 'Continue, by apiBase', async t => {
  const lab = await startSdkLab(t, { providers: ['openai', 'anthropic'] });
  const told = { operation: 'chat', auth: 'virtual', outcome: 'complete', stream: true } as const;
  t.equal((await runTool(t, cn('openai', lab.base('demo', '/v1')))).trim(), SCRIPT_TEXT);
  const inDemo = await lab.lab.weir.fact(({ provider }) => provider === 'demo', 'of the answer');
  t.match(inDemo, { ...told, dialect: 'openai-chat', outputTokens: SCRIPT_PIECES.length });

  const chat = chatStream('own event');
  chat.hold.open();
  lab.up.on('POST', '/v1/chat/completions', chat.script);
  t.equal((await runTool(t, cn('openai', lab.base('openai', '/v1')))).trim(), TEXT);
  await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
  const ofChat = await lab.lab.weir.fact(({ provider }) => provider === 'openai', 'of the answer');
  t.match(ofChat, { ...told, dialect: 'openai-chat', ...USAGE });

  const messages = messagesStream();
  messages.hold.open();
  lab.up.on('POST', '/v1/messages', messages.script);
  t.equal((await runTool(t, cn('anthropic', lab.base('anthropic', '/v1')))).trim(), TEXT);
  await lab.expectManaged(t, 'x-api-key');
  const ofMessages = await lab.lab.weir.fact(({ provider }) => provider === 'anthropic', 'of the answer');
  t.match(ofMessages, { ...told, dialect: 'anthropic-messages', ...USAGE });
  await lab.lab.check(t);
});
