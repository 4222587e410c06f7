import fc from 'fast-check';
import t from 'tap';
import { anthropic } from '../../../lib/dialects/anthropic/index.ts';
import { foldJson, foldOf, known, type Piece } from '../fold-documents.ts';

const messages = anthropic.match('POST', ['v1', 'messages']);

const start = (usage: object): Piece => ({
  event: 'message_start',
  json: { type: 'message_start', message: { type: 'message', model: 'c-1', stop_reason: null, usage } },
});
const last = (usage: object, reason: string | null = 'end_turn'): Piece => ({
  event: 'message_delta',
  json: { type: 'message_delta', delta: { stop_reason: reason }, usage },
});
const STOP: Piece = { event: 'message_stop', json: { type: 'message_stop' } };
const TEXT: Piece = {
  event: 'content_block_delta',
  json: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'x' } },
};

t.test('a JSON answer: the input is the sum of the three', t => {
  const fold = foldJson(messages, {
    type: 'message',
    model: 'c-1',
    stop_reason: 'end_turn',
    content: [{ type: 'text', text: 'secret words' }],
    usage: {
      input_tokens: 4,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 20,
      cache_creation: { ephemeral_5m_input_tokens: 15, ephemeral_1h_input_tokens: 5 },
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 3 },
      server_tool_use: { web_search_requests: 2 },
    },
  });
  t.same(known(fold.usage), {
    modelServed: 'c-1',
    finishReason: 'end_turn',
    inputTokens: 124,
    cachedInputTokens: 100,
    cacheWriteTokens: 20,
    outputTokens: 7,
    reasoningTokens: 3,
    webSearches: 2,
    cacheWrite5mTokens: 15,
    cacheWrite1hTokens: 5,
  });
  t.equal(fold.ended, true);
  t.notOk(JSON.stringify(fold.usage).includes('secret'));
  t.end();
});

t.test('a stream: the last event adds the output and leaves the input', t => {
  const fold = foldOf(messages, [
    start({ input_tokens: 4, cache_read_input_tokens: 90, cache_creation_input_tokens: 0, output_tokens: 1 }),
    TEXT,
    last({ output_tokens: 60 }),
    STOP,
  ]);
  t.same(known(fold.usage), {
    modelServed: 'c-1',
    finishReason: 'end_turn',
    inputTokens: 94,
    cachedInputTokens: 90,
    cacheWriteTokens: 0,
    outputTokens: 60,
  });
  t.end();
});

t.test('field by field the last non-null value wins, up or down, never a sum', async () => {
  const field = fc.option(fc.nat(1e6));
  const event = fc.record({
    input_tokens: field,
    output_tokens: field,
    cache_read_input_tokens: field,
    cache_creation_input_tokens: field,
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 5 }), events => {
      const fold = foldOf(
        messages,
        events.map((usage, i) => (i === 0 ? start(usage) : last(usage))),
      );
      const lastOf = (name: keyof (typeof events)[number]): number | null => {
        for (const usage of events.toReversed()) if (usage[name] !== null) return usage[name];
        return null;
      };
      const input = lastOf('input_tokens');
      const read = lastOf('cache_read_input_tokens');
      const write = lastOf('cache_creation_input_tokens');
      return (
        fold.usage.inputTokens === (input === null ? null : input + (read ?? 0) + (write ?? 0)) &&
        fold.usage.cachedInputTokens === read &&
        fold.usage.cacheWriteTokens === write &&
        fold.usage.outputTokens === lastOf('output_tokens')
      );
    }),
  );
});

t.test('a second message_start is not added', t => {
  const begin = start({ input_tokens: 17, output_tokens: 1 });
  const fold = foldOf(messages, [begin, begin, last({ output_tokens: 9 }), STOP]);
  t.equal(fold.usage.inputTokens, 17);
  t.equal(fold.usage.outputTokens, 9);
  t.end();
});

t.test('nulls of a gateway override nothing', t => {
  const fold = foldOf(messages, [
    start({ input_tokens: 5, output_tokens: 1, cache_read_input_tokens: 3 }),
    last({ input_tokens: null, cache_read_input_tokens: null, output_tokens: 2, cost: 0.000112 }),
  ]);
  t.equal(fold.usage.inputTokens, 8);
  t.equal(fold.usage.cachedInputTokens, 3);
  t.equal(fold.usage.costNanos, 112_000);
  t.end();
});

t.test('the parts of a cache write are kept only while they add up', t => {
  const parts = { cache_creation: { ephemeral_5m_input_tokens: 8, ephemeral_1h_input_tokens: 2 } };
  const begin = start({ input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 10, ...parts });
  t.hasStrict(foldOf(messages, [begin]).usage.measures, { cacheWrite5mTokens: 8, cacheWrite1hTokens: 2 });
  const restated = foldOf(messages, [begin, last({ cache_creation_input_tokens: 0, output_tokens: 4 })]);
  t.same(restated.usage.measures, {});
  t.equal(restated.usage.cacheWriteTokens, 0);
  t.end();
});

t.test('iterations are summed beside the top level', t => {
  const pass = (input: number, read: number, write: number, output: number): object => ({
    input_tokens: input,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: write,
    output_tokens: output,
  });
  const iterations = [pass(100, 50, 5, 10), { type: 'message', ...pass(30, 0, 0, 4) }];
  const fold = foldOf(messages, [
    start({ input_tokens: 100, output_tokens: 1 }),
    last({ input_tokens: 30, output_tokens: 4, iterations }),
  ]);
  t.equal(fold.usage.inputTokens, 30);
  t.same(fold.usage.measures, { iterationInputTokens: 185, iterationOutputTokens: 14 });
  const json = foldJson(messages, {
    type: 'message',
    usage: { input_tokens: 30, output_tokens: 4, iterations },
  });
  t.same(json.usage.measures, { iterationInputTokens: 185, iterationOutputTokens: 14 });
  t.end();
});

t.test('a sum that would be wrong is left out', t => {
  const pass = { input_tokens: 1, output_tokens: 1 };
  const of = (iterations: unknown[]) =>
    foldJson(messages, { type: 'message', usage: { input_tokens: 1, output_tokens: 1, iterations } }).usage
      .measures;
  t.same(of([]), {});
  t.same(of([pass, pass]), { iterationInputTokens: 2, iterationOutputTokens: 2 });
  t.same(of([pass, null]), {});
  t.same(of([pass, { output_tokens: 3 }]), {}, 'one without an input');
  t.same(of([pass, { input_tokens: 3 }]), {}, 'one without an output');
  t.end();
});

t.test('what ends a stream', t => {
  t.equal(foldOf(messages, [start({}), TEXT, last({ output_tokens: 1 })]).ended, false);
  t.equal(foldOf(messages, [start({}), STOP]).ended, true);
  t.equal(foldOf(messages, [{ json: { type: 'message_stop' } }]).ended, true, 'without an event name');
  const error = {
    event: 'error',
    json: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  };
  const cut = foldOf(messages, [start({ input_tokens: 11, output_tokens: 2 }), TEXT, error]);
  t.equal(cut.ended, true);
  t.hasStrict(
    cut.usage,
    { inputTokens: 11, outputTokens: 2, finishReason: null },
    'counts stated so far stand',
  );
  t.equal(foldOf(messages, [{ json: { error: { message: 'of a gateway' } } }]).ended, true);
  t.equal(messages?.mandatoryEnd, true);
  t.end();
});

t.test('an error body has no usage', t => {
  const fold = foldJson(messages, { type: 'error', error: { type: 'authentication_error', message: 'no' } });
  t.same(known(fold.usage), { stated: false });
  t.end();
});
