import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { INPUT_TOKENS, OUTPUT_TOKENS, responsesStream, TEXT } from '../sdks/answers.ts';
import { CLIENT_KEY, POOL_KEY, type SdkLab, startSdkLab } from '../sdks/sdk-lab.ts';
import { packageFile, runTool, toolTest } from './tool-run.ts';

const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;

function codex(config: string, env: Readonly<Record<string, string>>) {
  return {
    command: [packageFile('@openai/codex/bin/codex.js')],
    args: ['exec', '--skip-git-repo-check', 'hi'],
    env,
    files: { '.codex/config.toml': config },
  };
}

function ownProvider(baseUrl: string): string {
  return [
    'model = "gauge-1"',
    'model_provider = "weir"',
    '[model_providers.weir]',
    'name = "weir"',
    `base_url = "${baseUrl}"`,
    'env_key = "WEIR_KEY"',
    'wire_api = "responses"',
  ].join('\n');
}

function builtInProvider(baseUrl: string): string {
  return `model = "gauge-1"\nopenai_base_url = "${baseUrl}"\n`;
}

async function answersFromDemo(lab: SdkLab): Promise<unknown> {
  const { weir } = lab.lab;
  const fact = await weir.fact(
    ({ method, provider }) => method === 'POST' && provider === 'demo',
    'of the answer',
  );
  return fact;
}

toolTest(t, 'Codex', async t => {
  await t.test('a provider of its config, by base_url and env_key', async t => {
    const lab = await startSdkLab(t, { providers: ['openai'] });
    const env = { WEIR_KEY: CLIENT_KEY };
    t.equal((await runTool(t, codex(ownProvider(lab.base('demo', '/v1')), env))).trim(), SCRIPT_TEXT);
    t.match(await answersFromDemo(lab), {
      dialect: 'openai-responses',
      auth: 'virtual',
      stream: true,
      outcome: 'complete',
      outputTokens: SCRIPT_PIECES.length,
    });

    const { script, hold } = responsesStream();
    hold.open();
    lab.up.on('POST', '/v1/responses', script);
    t.equal((await runTool(t, codex(ownProvider(lab.base('openai', '/v1')), env))).trim(), TEXT);
    const request = await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
    t.match(JSON.parse(request.body.toString()), { model: 'gauge-1', stream: true });
    const fact = await lab.lab.weir.fact(({ provider }) => provider === 'openai', 'of the answer');
    t.match(fact, { dialect: 'openai-responses', stream: true, outcome: 'complete', ...USAGE });
    await lab.lab.check(t);
  });

  await t.test('its built-in provider, by openai_base_url: an upgrade, 426, then HTTP', async t => {
    const lab = await startSdkLab(t, { providers: ['openai'] });
    const env = { CODEX_API_KEY: CLIENT_KEY };
    t.equal((await runTool(t, codex(builtInProvider(lab.base('demo', '/v1')), env))).trim(), SCRIPT_TEXT);
    await answersFromDemo(lab);
    t.match(
      lab.lab.weir.facts.map(({ method, path, status }) => [method, path, status]),
      [
        ['GET', '/demo/v1/responses', 426],
        ['POST', '/demo/v1/responses', 200],
      ],
      'one upgrade, and one request after it',
    );

    const { script, hold } = responsesStream();
    hold.open();
    lab.up.on('POST', '/v1/responses', script);
    t.equal((await runTool(t, codex(builtInProvider(lab.base('openai', '/v1')), env))).trim(), TEXT);
    await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
    t.equal(lab.up.requests.length, 1, 'the upgrade did not go upstream');
    const fact = await lab.lab.weir.fact(
      ({ provider, method }) => provider === 'openai' && method === 'POST',
      'of it',
    );
    t.match(fact, { dialect: 'openai-responses', stream: true, outcome: 'complete', ...USAGE });
    await lab.lab.check(t);
  });
});
