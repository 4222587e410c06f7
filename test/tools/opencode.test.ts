import t, { type Test } from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { INPUT_TOKENS, messagesStream, OUTPUT_TOKENS, TEXT } from '../sdks/answers.ts';
import { CLIENT_KEY, startSdkLab } from '../sdks/sdk-lab.ts';
import { packageFile, runTool, toolTest } from './tool-run.ts';

const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;
/** Switches that keep it from fetching models, plugins and itself. */
const QUIET = {
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_MODELS_FETCH: '1',
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
};

function opencode(npm: string, baseURL: string) {
  const models = { 'gauge-1': { name: 'Gauge' } };
  const weir = { npm, name: 'weir', options: { baseURL, apiKey: CLIENT_KEY }, models };
  const config = { model: 'weir/gauge-1', autoupdate: false, share: 'disabled', provider: { weir } };
  return {
    command: [packageFile('opencode-linux-x64/bin/opencode')],
    args: ['run', 'hi'],
    env: QUIET,
    files: { 'work/opencode.json': JSON.stringify(config) },
  };
}

async function test(t: Test): Promise<void> {
  const lab = await startSdkLab(t, { providers: ['anthropic'] });
  const told = { operation: 'chat', auth: 'virtual', outcome: 'complete', stream: true } as const;
  const compatible = opencode('@ai-sdk/openai-compatible', lab.base('demo', '/v1'));
  t.match(await runTool(t, compatible), SCRIPT_TEXT);
  const inDemo = await lab.lab.weir.fact(({ provider }) => provider === 'demo', 'of the answer');
  t.match(inDemo, { ...told, dialect: 'openai-chat', outputTokens: SCRIPT_PIECES.length });

  const { script, hold } = messagesStream();
  hold.open();
  lab.up.on('POST', '/v1/messages', script);
  t.match(await runTool(t, opencode('@ai-sdk/anthropic', lab.base('anthropic', '/v1'))), TEXT);
  await lab.expectManaged(t, 'x-api-key');
  const fact = await lab.lab.weir.fact(({ provider }) => provider === 'anthropic', 'of the answer');
  t.match(fact, { ...told, dialect: 'anthropic-messages', ...USAGE });
  await lab.lab.check(t);
}

toolTest(t, 'opencode, by options.baseURL', test, 'binary');
