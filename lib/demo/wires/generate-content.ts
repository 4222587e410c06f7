import { DEMO_MODEL, inputTokens, SCRIPT_PIECES, SCRIPT_TEXT, scriptUsage } from '../script.ts';
import { type Call, eventStream, json, type Reply, sseEvent, type Wire } from '../wire.ts';

const STATUS_NAMES: Readonly<Record<number, string>> = { 400: 'INVALID_ARGUMENT', 404: 'NOT_FOUND' };

/** `…/models/<model>:generateContent` and its siblings, and the models of `/v1beta`. */
export const generateContentWire: Wire = {
  routes: [
    { method: 'POST', path: /\/([^/]+):generateContent$/, reply: call => json(whole(call)) },
    { method: 'POST', path: /\/([^/]+):streamGenerateContent$/, reply: streamed },
    {
      method: 'POST',
      path: /\/([^/]+):countTokens$/,
      reply: call => json({ totalTokens: inputTokens(call) }),
    },
    { method: 'GET', path: /\/v1beta\/models$/, reply: () => json({ models: [model(DEMO_MODEL)] }) },
    { method: 'GET', path: /\/v1beta\/models\/([^/]+)$/, reply: call => json(model(call.captured[0]!)) },
  ],
  owns: /:\w+$|\/v1beta(\/|$)/,
  error: (status, message) => ({
    error: { code: status, message, status: STATUS_NAMES[status] ?? 'FAILED_PRECONDITION' },
  }),
};

function model(name: string): object {
  return {
    name: `models/${name}`,
    displayName: 'Weir demo',
    supportedGenerationMethods: ['generateContent', 'countTokens'],
  };
}

/** One answer, or one step of a stream. Counts are cumulative: each step states what was sent so far. */
function step(call: Call, text: string, sent: number): object {
  const last = sent === SCRIPT_PIECES.length;
  const { input } = scriptUsage(call);
  return {
    candidates: [
      { content: { parts: [{ text }], role: 'model' }, ...(last ? { finishReason: 'STOP' } : {}), index: 0 },
    ],
    usageMetadata: { promptTokenCount: input, candidatesTokenCount: sent, totalTokenCount: input + sent },
    modelVersion: call.captured[0]!,
    responseId: `demo${call.serial}`,
  };
}

function whole(call: Call): object {
  return step(call, SCRIPT_TEXT, SCRIPT_PIECES.length);
}

/** Server-sent events with `alt=sse`; without it one JSON array, element by element. */
function streamed(call: Call): Reply {
  const steps = SCRIPT_PIECES.map((text, i) => step(call, text, i + 1));
  if (call.query.get('alt') === 'sse') return eventStream(steps.map(value => sseEvent(value)));
  const events = steps.map((value, i) => `${i === 0 ? '[' : ',\n'}${JSON.stringify(value)}`);
  events.push(']');
  return { kind: 'stream', contentType: 'application/json; charset=UTF-8', events };
}
