import { DEMO_MODEL, modelOf, SCRIPT_PIECES, SCRIPT_TEXT, scriptUsage } from '../script.ts';
import { type Call, json, type Reply, SCRIPT_TIME, type Wire } from '../wire.ts';

const DETAILS = {
  parent_model: '',
  format: 'script',
  family: 'demo',
  families: ['demo'],
  parameter_size: '0B',
  quantization_level: '',
};

/** `/api/chat` and `/api/generate`, which stream by default, and what a local client asks first. */
export const nativeChatWire: Wire = {
  routes: [
    {
      method: 'POST',
      path: /\/api\/chat$/,
      reply: call => reply(call, text => ({ message: message(text) })),
    },
    { method: 'POST', path: /\/api\/generate$/, reply: call => reply(call, text => ({ response: text })) },
    { method: 'GET', path: /\/api\/tags$/, reply: () => json({ models: [model()] }) },
    { method: 'GET', path: /\/api\/version$/, reply: () => json({ version: '0.0.0' }) },
    {
      method: 'POST',
      path: /\/api\/show$/,
      reply: () => json({ details: DETAILS, model_info: {}, capabilities: ['completion'] }),
    },
  ],
  owns: /\/api\//,
  error: (_status, text) => ({ error: text }),
};

function message(content: string): object {
  return { role: 'assistant', content };
}

function model(): object {
  const name = `${DEMO_MODEL}:latest`;
  return { name, model: name, modified_at: SCRIPT_TIME.iso, size: 0, digest: '', details: DETAILS };
}

/** A call without prompt or messages asks for the model to be loaded, and gets no words. */
function asksToLoad({ body }: Call): boolean {
  const empty = (value: unknown): boolean =>
    value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
  return empty(body.prompt) && empty(body.messages);
}

/** Nanoseconds, as the wire states them: one event each 20 ms. */
function counts(call: Call): object {
  const { input, output } = scriptUsage(call);
  const evalNanos = output * 20_000_000;
  return {
    total_duration: evalNanos + 1_000_000,
    load_duration: 500_000,
    prompt_eval_count: input,
    prompt_eval_duration: 500_000,
    eval_count: output,
    eval_duration: evalNanos,
  };
}

function reply(call: Call, wrap: (text: string) => object): Reply {
  const base = { model: modelOf(call), created_at: SCRIPT_TIME.iso };
  if (asksToLoad(call)) return json({ ...base, ...wrap(''), done: true, done_reason: 'load' });
  const end = { done: true, done_reason: 'stop', ...counts(call) };
  if (call.body.stream === false) return json({ ...base, ...wrap(SCRIPT_TEXT), ...end });
  const line = (value: object): string => `${JSON.stringify({ ...base, ...value })}\n`;
  const events = SCRIPT_PIECES.map(text => line({ ...wrap(text), done: false }));
  events.push(line({ ...wrap(''), ...end }));
  return { kind: 'stream', contentType: 'application/x-ndjson', events };
}
