import t, { type Test } from 'tap';
import { chatStream, INPUT_TOKENS, OUTPUT_TOKENS, TEXT } from '../sdks/answers.ts';
import { CLIENT_KEY, POOL_KEY, startSdkLab } from '../sdks/sdk-lab.ts';
import { packageFile, runTool, toolTest } from './tool-run.ts';

/** Signs in and asks, as two commands. With a data folder of its own it leaves no daemon behind. */
function cline(baseUrl: string) {
  const signIn = `"$0" auth -p openai -k ${CLIENT_KEY} -m gauge-1 -b ${baseUrl} --data-dir ../data`;
  return {
    command: ['/bin/sh', '-c', `${signIn} && "$0" --data-dir ../data "say hi to me"`],
    args: [packageFile('@cline/cli-linux-x64/bin/cline')],
  };
}

async function test(t: Test): Promise<void> {
  const lab = await startSdkLab(t, { providers: ['openai'] });
  const { script, hold } = chatStream('own event');
  hold.open();
  lab.up.on('POST', '/v1/chat/completions', script);
  t.match(await runTool(t, cline(lab.base('openai', '/v1'))), TEXT);
  await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
  const fact = await lab.lab.weir.fact(({ operation }) => operation === 'chat', 'of the answer');
  t.match(fact, {
    provider: 'openai',
    dialect: 'openai-chat',
    auth: 'virtual',
    outcome: 'complete',
    stream: true,
    inputTokens: INPUT_TOKENS,
    outputTokens: OUTPUT_TOKENS,
    usageSource: 'provider',
  });
  await lab.lab.check(t);
}

toolTest(t, 'Cline, by cline auth -p openai -b', test, 'binary');
