import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { generateStream, INPUT_TOKENS, OUTPUT_TOKENS, TEXT } from '../sdks/answers.ts';
import { CLIENT_KEY, startSdkLab } from '../sdks/sdk-lab.ts';
import { packageFile, runTool, toolTest } from './tool-run.ts';

const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;
/** Without a model it first asks one which to take, and expects JSON for an answer. */
const MODEL = 'gemini-2.5-flash';
const SETTINGS = JSON.stringify({
  security: { auth: { selectedType: 'gemini-api-key' } },
  privacy: { usageStatisticsEnabled: false },
  general: { enableAutoUpdate: false },
});

function gemini(baseUrl: string) {
  return {
    command: [packageFile('@google/gemini-cli/bundle/gemini.js')],
    args: ['-p', 'hi', '-m', MODEL, '--skip-trust'],
    env: { GOOGLE_GEMINI_BASE_URL: baseUrl, GEMINI_API_KEY: CLIENT_KEY },
    files: { '.gemini/settings.json': SETTINGS },
  };
}

toolTest(t, 'Gemini CLI, by GOOGLE_GEMINI_BASE_URL and GEMINI_API_KEY', async t => {
  const lab = await startSdkLab(t, { providers: ['google'] });
  const told = {
    dialect: 'gemini',
    operation: 'chat',
    auth: 'virtual',
    outcome: 'complete',
    stream: true,
  } as const;
  t.equal((await runTool(t, gemini(lab.base('demo')))).trim(), SCRIPT_TEXT);
  const inDemo = await lab.lab.weir.fact(({ provider }) => provider === 'demo', 'of the answer');
  t.match(inDemo, { ...told, modelRequested: MODEL, outputTokens: SCRIPT_PIECES.length });

  const { script, hold } = generateStream();
  hold.open();
  lab.up.on('POST', `/v1beta/models/${MODEL}:streamGenerateContent`, script);
  t.equal((await runTool(t, gemini(lab.base('google')))).trim(), TEXT);
  const request = await lab.expectManaged(t, 'x-goog-api-key');
  t.match(request.value('user-agent'), /^GeminiCLI/);
  const fact = await lab.lab.weir.fact(({ provider }) => provider === 'google', 'of the answer');
  t.match(fact, { ...told, ...USAGE });
  await lab.lab.check(t);
});
