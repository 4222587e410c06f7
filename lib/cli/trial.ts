import { createParser } from 'eventsource-parser';
import { pick } from './pick.ts';
import type { TrialWire } from './trial-wires.ts';

/** A gateway under trial, and what is asked of it. */
export interface Trial {
  /** The gateway, without a trailing slash. */
  readonly url: string;
  /** The provider's path prefix: `/name`, or '' for bare paths. */
  readonly prefix: string;
  /** Base path of the API below the prefix, such as `/v1`. */
  readonly base: string;
  /** Where the provider lists its models, below the prefix; null where it does not. */
  readonly modelsPath: string | null;
  readonly wire: TrialWire;
  /** The model to ask; null takes the first one listed. */
  readonly model: string | null;
  /** Header pairs that carry the key. */
  readonly keyHeaders: Readonly<Record<string, string>>;
  /** What must not be printed, wherever it comes back. */
  readonly secret: string | null;
  readonly timeoutMs: number;
}

export const STEPS = ['health', 'models', 'answer', 'stream'] as const;

/** The outcome of one step. `detail` is what was seen, or the reason it failed. */
export interface StepResult {
  readonly step: (typeof STEPS)[number];
  readonly outcome: 'ok' | 'failed' | 'skipped';
  readonly detail: string;
}

/** A step's own failure, with its reason for the operator. */
class TrialFailure extends Error {}

/** Runs the four steps in order. Where the gateway cannot be reached the rest is skipped. */
export async function runTrial(
  trial: Trial,
  report: (result: StepResult) => void,
): Promise<readonly StepResult[]> {
  const results: StepResult[] = [];
  let model = trial.model;
  const run = async (step: StepResult['step'], work: () => Promise<string | null>): Promise<boolean> => {
    let result: StepResult;
    try {
      const detail = await work();
      result =
        detail === null
          ? { step, outcome: 'skipped', detail: 'this provider lists no models' }
          : { step, outcome: 'ok', detail };
    } catch (error) {
      result = { step, outcome: 'failed', detail: printable(reasonOf(error), trial.secret) };
    }
    results.push(result);
    report(result);
    return result.outcome !== 'failed';
  };
  const skip = (step: StepResult['step'], detail: string): void => {
    results.push({ step, outcome: 'skipped', detail });
    report(results.at(-1)!);
  };

  const healthy = await run('health', () => tryHealth(trial));
  if (!healthy) {
    for (const step of STEPS.slice(1)) skip(step, 'the gateway is not healthy');
    return results;
  }
  await run('models', async () => {
    const names = await tryModels(trial);
    model ??= names?.[0] ?? null;
    return names === null ? null : `${countOf(names.length, 'model')}, the first is ${names[0]}`;
  });
  for (const [step, work] of [['answer', tryAnswer] as const, ['stream', tryStream] as const]) {
    if (model === null) skip(step, 'no model to ask: name one with --model');
    else {
      const asked = model;
      await run(step, () => work(trial, asked));
    }
  }
  return results;
}

async function tryHealth(trial: Trial): Promise<string> {
  const started = performance.now();
  const response = await call({ ...trial, keyHeaders: {} }, `${trial.url}/health`, null);
  await response.arrayBuffer();
  return `answered in ${elapsed(started)}`;
}

async function tryModels(trial: Trial): Promise<readonly string[] | null> {
  if (trial.modelsPath === null) return null;
  const response = await call(trial, trial.url + trial.prefix + trial.modelsPath, null);
  const list: unknown = await jsonOf(response);
  const entries = pick(list, 'data') ?? pick(list, 'models');
  if (!Array.isArray(entries)) throw new TrialFailure('the answer is not a list of models');
  const names = entries
    .map(entry => pick(entry, 'id') ?? pick(entry, 'name'))
    .filter(name => typeof name === 'string');
  if (names.length === 0) throw new TrialFailure('the list of models is empty');
  return names;
}

async function tryAnswer(trial: Trial, model: string): Promise<string> {
  const started = performance.now();
  const response = await ask(trial, model, false);
  const text = trial.wire.wholeText(await jsonOf(response));
  if (text === '') throw new TrialFailure('the answer holds no text');
  return `${countOf(text.length, 'character')} of text from ${model} in ${elapsed(started)}`;
}

async function tryStream(trial: Trial, model: string): Promise<string> {
  const started = performance.now();
  const response = await ask(trial, model, true);
  let documents = 0;
  let text = '';
  let first = '';
  const take = (data: string): void => {
    const document = parsed(data);
    if (document === undefined) return;
    const error = pick(document, 'error');
    if (error !== undefined && error !== null)
      throw new TrialFailure(`the stream says: ${messageOf(document)}`);
    documents++;
    const piece = trial.wire.pieceText(document);
    if (text === '' && piece !== '') first = elapsed(started);
    text += piece;
  };
  await readDocuments(response, trial.wire.framing, take);
  if (documents === 0) throw new TrialFailure('the answer is not a stream');
  if (text === '') throw new TrialFailure('the stream holds no text');
  return `${countOf(documents, 'event')}, first text after ${first}, the end after ${elapsed(started)}`;
}

function ask(trial: Trial, model: string, stream: boolean): Promise<Response> {
  const target = trial.url + trial.prefix + trial.wire.path(trial.base, model, stream);
  return call(trial, target, trial.wire.body(model, stream));
}

/** Sends one request; anything but a 2xx is a failure with the answer's own reason. */
async function call(trial: Trial, target: string, body: object | null): Promise<Response> {
  const response = await fetch(target, {
    method: body === null ? 'GET' : 'POST',
    headers: body === null ? trial.keyHeaders : { 'content-type': 'application/json', ...trial.keyHeaders },
    body: body === null ? null : JSON.stringify(body),
    redirect: 'manual',
    signal: AbortSignal.timeout(trial.timeoutMs),
  });
  if (response.ok) return response;
  const location = response.headers.get('location');
  if (location !== null)
    throw new TrialFailure(`${response.status}: redirected to ${location}; use that as --url`);
  const code = response.headers.get('x-weir-error');
  const text = await response.text();
  const message = messageOf(parsed(text)) || text.trim().slice(0, 200);
  const origin = code === null ? 'from the provider or something in between' : `from Weir, ${code}`;
  throw new TrialFailure(`${response.status} (${origin}): ${message || 'no reason was given'}`);
}

async function jsonOf(response: Response): Promise<unknown> {
  const value = parsed(await response.text());
  if (value === undefined) throw new TrialFailure('the answer is not JSON');
  return value;
}

async function readDocuments(
  response: Response,
  framing: TrialWire['framing'],
  take: (data: string) => void,
): Promise<void> {
  if (response.body === null) return;
  const pieces = response.body.pipeThrough(new TextDecoderStream());
  if (framing === 'events') {
    const parser = createParser({ onEvent: event => take(event.data) });
    for await (const piece of pieces) parser.feed(piece);
    return;
  }
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    for (const line of lines) take(line);
  }
  take(rest);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The words of an error body, in whichever dialect. */
function messageOf(body: unknown): string {
  for (const words of [pick(body, 'error', 'message'), pick(body, 'message'), pick(body, 'error')]) {
    if (typeof words === 'string') return words;
  }
  return '';
}

/** What went wrong, with the remedy where one is known. */
function reasonOf(error: unknown): string {
  if (error instanceof TrialFailure) return error.message;
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time (--timeout)';
  const cause = error.cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ECONNREFUSED') return 'nothing listens there: is weir serve running?';
  if (code === 'ENOTFOUND') return 'this host name does not resolve';
  if (/CERT|SELF_SIGNED|ISSUER/.test(code)) {
    return `the certificate is not trusted (${code}): point NODE_EXTRA_CA_CERTS at its issuer`;
  }
  if (error.message === 'terminated') return 'the answer broke off before its end';
  return code === '' ? error.message : `${error.message} (${code})`;
}

/** One line for a terminal: what a server sent may hold the key, or control codes. */
function printable(text: string, secret: string | null): string {
  const line = text.replaceAll(/\p{Cc}+/gu, ' ').trim();
  return secret === null || secret === '' ? line : line.replaceAll(secret, '[redacted]');
}

function elapsed(started: number): string {
  return `${Math.round(performance.now() - started)} ms`;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
