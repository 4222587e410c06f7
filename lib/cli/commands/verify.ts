import { describeProviders, loadCatalogue } from '../../providers/index.ts';
import { CONFIG_FREE_URL } from '../default-url.ts';
import { type CliIo, EXIT } from '../io.ts';
import { type Paint, paintFor } from '../paint.ts';
import { findProvider } from '../suggestion.ts';
import { runTrial, STEPS, type StepResult } from '../trial.ts';
import { BARE_TARGET, keyHeaders, knownTarget, type TrialTarget, unknownTarget } from '../trial-target.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options {
  readonly url: string;
  readonly key?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly timeout: string;
  readonly json?: true;
}

const STEP_WIDTH = Math.max(...STEPS.map(step => step.length));
const OUTCOME_WIDTH = 'skipped'.length;
const DEMO_PROBE_TIMEOUT_MS = 5000;

/** `weir verify`: asks a running gateway whether it works, as a client would. */
export const addVerify: AddVerb = (program, io, exit) => {
  program
    .command('verify')
    .description('ask a running gateway for its health, its models, an answer and a stream')
    .option('--url <url>', 'where the gateway is', CONFIG_FREE_URL)
    .option('--key <key>', 'the key a client would use (or WEIR_KEY in the environment)')
    .option(
      '--provider <name>',
      'ask this provider; without it the built-in demo where it is there, else the bare path /v1',
    )
    .option('--model <name>', 'ask this model; without it the first one listed')
    .option('--timeout <seconds>', 'how long each answer may take', '60')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        ['weir verify', 'a gateway on this machine, by its demo'],
        ['WEIR_KEY=… weir verify --url https://llm.example.com', 'another one, key from the environment'],
        ['weir verify --provider demo --json', 'for a script'],
      ]),
    )
    .action(async (options: Options) => exit(await run(options, io)));
};

async function run(options: Options, io: CliIo): Promise<number> {
  const timeoutMs = Number(options.timeout) * 1000;
  const url = options.url.replace(/\/+$/, '');
  const fault = argumentFault(url, timeoutMs);
  const target = fault ?? (await chooseTarget(url, options.provider));
  if (typeof target === 'string') {
    io.stderr.write(target);
    return EXIT.usage;
  }
  const key = options.key ?? io.env.WEIR_KEY ?? null;
  const json = options.json === true;
  const paint = paintFor(io);
  if (!json) io.stdout.write(`${paint.strong(`${url}${target.prefix}${target.base}`)}\n`);
  const trial = {
    ...target,
    url,
    model: options.model ?? null,
    keyHeaders: keyHeaders(target.auth, key),
    secret: key,
    timeoutMs,
  };
  const steps = await runTrial(trial, result => {
    if (!json) io.stdout.write(`${stepLine(result, paint)}\n`);
  });
  const failure = steps.find(step => step.outcome === 'failed');
  if (json) {
    const report = { ok: failure === undefined, url, path: target.prefix + target.base, steps };
    io.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else if (failure !== undefined) {
    io.stderr.write(`weir verify: ${failure.step} failed: ${failure.detail}\n`);
  }
  return failure === undefined ? EXIT.ok : EXIT.failed;
}

function argumentFault(url: string, timeoutMs: number): string | null {
  if (!URL.canParse(url) || !/^https?:/.test(url))
    return `error: --url '${url}' is not an http or https URL\n`;
  if (!(timeoutMs > 0)) return 'error: --timeout takes a number of seconds above 0\n';
  return null;
}

/** The target to try, or the text of a usage error. */
async function chooseTarget(url: string, provider: string | undefined): Promise<TrialTarget | string> {
  const catalogue = loadCatalogue();
  const rows = describeProviders(catalogue);
  if (provider === undefined) {
    const demo = rows.find(row => catalogue.rows.get(row.name)?.scripted === true);
    const target = demo === undefined ? null : knownTarget(demo);
    return target !== null && (await isThere(url + target.prefix + target.modelsPath)) ? target : BARE_TARGET;
  }
  const found = findProvider(rows, provider);
  if ('problem' in found) return unknownTarget(provider);
  return (
    knownTarget(found) ??
    `error: verify does not speak the dialect of '${provider}'; ask its own command line through ${url}/${provider}\n`
  );
}

/** Whether the demo is configured: an unknown provider is 404, everything else (401, 403 …) is the demo's own path. */
async function isThere(target: string): Promise<boolean> {
  try {
    const response = await fetch(target, { signal: AbortSignal.timeout(DEMO_PROBE_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.status !== 404;
  } catch {
    return false;
  }
}

function stepLine({ step, outcome, detail }: StepResult, paint: Paint): string {
  const colour = { ok: paint.good, failed: paint.bad, skipped: paint.faint }[outcome];
  return `  ${colour(outcome)}${' '.repeat(OUTCOME_WIDTH - outcome.length)}  ${step.padEnd(STEP_WIDTH)}  ${detail}`;
}
