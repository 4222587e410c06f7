import type { Call } from './wire.ts';

/** The name the demo gives its model where the client names none. */
export const DEMO_MODEL = 'demo';

/** What every chat answers. */
export const SCRIPT_TEXT =
  'Weir is a streaming reverse proxy for LLM APIs: it passes every byte on untouched and counts the tokens on the way. ' +
  'This answer is scripted; it needed no key and no network.';

/** The text in the pieces in which it streams: one token each, as the demo counts. */
export const SCRIPT_PIECES: readonly string[] = SCRIPT_TEXT.match(/\s*\S+/g)!;

const BYTES_PER_TOKEN = 4;
const MODEL_LENGTH_MAX = 200;

/** The usage of a call: input by the request's bytes, output by the script's own pieces. */
export interface ScriptUsage {
  readonly input: number;
  readonly output: number;
  readonly total: number;
}

export function inputTokens(call: Call): number {
  return Math.max(1, Math.ceil(call.bodyBytes / BYTES_PER_TOKEN));
}

export function scriptUsage(call: Call): ScriptUsage {
  const input = inputTokens(call);
  const output = SCRIPT_PIECES.length;
  return { input, output, total: input + output };
}

/** The model the client asked for, or the demo's own. */
export function modelOf(call: Call): string {
  const { model } = call.body;
  return typeof model === 'string' && model !== '' && model.length <= MODEL_LENGTH_MAX ? model : DEMO_MODEL;
}
