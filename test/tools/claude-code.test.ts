import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { INPUT_TOKENS, messagesStream, OUTPUT_TOKENS, PIECES, TEXT } from '../sdks/answers.ts';
import { CLIENT_KEY, POOL_KEY, startSdkLab } from '../sdks/sdk-lab.ts';
import { packageFile, runTool, startTool, toolTest } from './tool-run.ts';

const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;
/** Documented switches that keep it from anything but the model's API. */
const QUIET = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' };

function claude(args: readonly string[], env: Readonly<Record<string, string>>) {
  return {
    command: [packageFile('@anthropic-ai/claude-code/cli-wrapper.cjs')],
    args,
    env: { ...QUIET, ...env },
  };
}

toolTest(t, 'Claude Code', async t => {
  const lab = await startSdkLab(t, { providers: ['anthropic'] });

  await t.test('answers from the demo, by ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY', async t => {
    const discovery = { CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1' };
    const env = { ...discovery, ANTHROPIC_BASE_URL: lab.base('demo'), ANTHROPIC_API_KEY: CLIENT_KEY };
    t.equal((await runTool(t, claude(['-p', 'hi'], env))).trim(), SCRIPT_TEXT);
    const fact = await lab.lab.weir.fact(({ operation }) => operation === 'chat', 'of the answer');
    t.match(fact, {
      provider: 'demo',
      dialect: 'anthropic-messages',
      auth: 'virtual',
      stream: true,
      outcome: 'complete',
      outputTokens: SCRIPT_PIECES.length,
    });
    const models = await lab.lab.weir.fact(
      ({ operation }) => operation === 'models',
      'of the models it asks for',
    );
    t.match(models, { path: '/demo/v1/models', status: 200 });
  });

  await t.test('prints the stream as the provider sends it', async t => {
    const { script, hold } = messagesStream();
    lab.up.on('POST', '/v1/messages', script);
    const env = { ANTHROPIC_BASE_URL: lab.base('anthropic'), ANTHROPIC_API_KEY: CLIENT_KEY };
    const format = ['--output-format', 'stream-json', '--include-partial-messages', '--verbose'];
    const run = await startTool(t, claude(['-p', 'hi', ...format], env));
    await run.printed(PIECES[0].trim());
    t.notOk(run.stdout.includes(PIECES[2]), 'while the provider holds back the rest');
    hold.open();
    const last = (await run.ended()).trim().split('\n').at(-1)!;
    t.match(JSON.parse(last), { type: 'result', is_error: false, result: TEXT });
    t.match(JSON.parse(last).usage, { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS });

    const request = await lab.expectManaged(t, 'x-api-key');
    t.match(request.target, /^\/v1\/messages\?beta=true$/);
    t.match(request.value('anthropic-beta'), /[a-z]/);
    t.equal(request.value('x-app'), 'cli');
    t.match(request.value('user-agent'), /^claude-cli\//);
    t.match(JSON.parse(request.body.toString()), { stream: true, messages: [{ role: 'user' }] });
    const fact = await lab.lab.weir.fact(({ provider }) => provider === 'anthropic', 'of the answer');
    t.match(fact, {
      dialect: 'anthropic-messages',
      stream: true,
      outcome: 'complete',
      poolKey: 'pool-1',
      ...USAGE,
    });
  });

  await t.test('with a token, and with a helper that puts one value in both places', async t => {
    const { script, hold } = messagesStream();
    hold.open();
    lab.up.on('POST', '/v1/messages', script);
    const base = { ANTHROPIC_BASE_URL: lab.base('anthropic') };
    const token = claude(['-p', 'hi'], { ...base, ANTHROPIC_AUTH_TOKEN: CLIENT_KEY });
    t.equal((await runTool(t, token)).trim(), TEXT);
    const settings = JSON.stringify({ apiKeyHelper: `echo ${CLIENT_KEY}`, env: base });
    const helper = { ...claude(['-p', 'hi'], {}), files: { '.claude/settings.json': settings } };
    t.equal((await runTool(t, helper)).trim(), TEXT);
    for (const request of lab.up.requests) {
      t.equal(request.value('x-api-key'), POOL_KEY);
      t.equal(request.value('authorization'), null);
    }
  });

  await t.test('says what is wrong with its key', async t => {
    const env = { ANTHROPIC_BASE_URL: lab.base('anthropic'), ANTHROPIC_API_KEY: 'weir_unknown_key' };
    const run = await startTool(t, claude(['-p', 'hi'], env));
    t.match(await run.ended(), /A valid API key is required|Invalid API key/);
    t.not(run.exitCode, 0);
  });

  t.notOk(JSON.stringify(lab.up.requests.map(({ fields }) => fields)).includes(CLIENT_KEY));
  await lab.lab.check(t);
});
