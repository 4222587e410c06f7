import fc from 'fast-check';
import t from 'tap';
import { openai } from '../../../lib/dialects/openai/index.ts';
import { foldJson, foldOf, known, type Piece, PLAIN_TRAITS } from '../fold-documents.ts';

const chat = openai.match('POST', ['v1', 'chat', 'completions']);
const completions = openai.match('POST', ['v1', 'completions']);

const usage = (input: number, output: number, more: object = {}): object => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  ...more,
});
const chunk = (more: object): Piece => ({ json: { object: 'chat.completion.chunk', model: 'm-1', ...more } });
const delta = (index: number, finish: string | null): object => ({
  choices: [{ index, delta: { content: 'x' }, finish_reason: finish }],
});
const DONE: Piece = { text: '[DONE]' };

t.test('a JSON answer with all details', t => {
  const fold = foldJson(chat, {
    model: 'm-1',
    choices: [
      { index: 0, finish_reason: 'stop', message: { content: 'secret words' } },
      { index: 1, finish_reason: 'length' },
    ],
    usage: usage(30, 20, {
      prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 3, audio_tokens: 2, image_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 7, audio_tokens: 4, image_tokens: 6 },
      cost: 0.00125,
    }),
  });
  t.same(known(fold.usage), {
    modelServed: 'm-1',
    finishReason: 'stop',
    inputTokens: 30,
    outputTokens: 20,
    cachedInputTokens: 8,
    cacheWriteTokens: 3,
    reasoningTokens: 7,
    audioTokens: 6,
    costNanos: 1_250_000,
    totalTokens: 50,
    audioInputTokens: 2,
    audioOutputTokens: 4,
    imageInputTokens: 5,
    imageOutputTokens: 6,
  });
  t.equal(fold.ended, true);
  t.notOk(JSON.stringify(fold.usage).includes('secret'));
  t.end();
});

t.test('a stream: nulls say nothing, the extra chunk has no choices', t => {
  const fold = foldOf(chat, [
    { json: { model: '', choices: [], prompt_filter_results: [] } },
    chunk({ ...delta(0, null), usage: null }),
    chunk({ ...delta(0, 'stop'), usage: null }),
    chunk({ choices: [], usage: usage(9, 4) }),
    DONE,
  ]);
  t.same(known(fold.usage), {
    modelServed: 'm-1',
    finishReason: 'stop',
    inputTokens: 9,
    outputTokens: 4,
    totalTokens: 13,
  });
  t.end();
});

t.test('without opt-in there is no usage, but a model and a reason', t => {
  const fold = foldOf(chat, [chunk(delta(0, null)), chunk(delta(0, 'length')), DONE]);
  t.same(known(fold.usage), { modelServed: 'm-1', finishReason: 'length', stated: false });
  t.end();
});

t.test('the last usage object wins whole: no sum, no maximum, no field of an older one', async () => {
  const part = fc.record({ input: fc.nat(1e6), output: fc.nat(1e6), cached: fc.option(fc.nat(1e6)) });
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), parts => {
      const fold = foldOf(
        chat,
        parts.map(({ input, output, cached }) =>
          chunk({
            ...delta(0, null),
            usage: usage(
              input,
              output,
              cached === null ? {} : { prompt_tokens_details: { cached_tokens: cached } },
            ),
          }),
        ),
      );
      const last = parts.at(-1)!;
      return (
        fold.usage.inputTokens === last.input &&
        fold.usage.outputTokens === last.output &&
        fold.usage.cachedInputTokens === last.cached &&
        fold.usage.measures.totalTokens === last.input + last.output
      );
    }),
  );
});

t.test('usage before a trailing chunk without any stays', t => {
  const fold = foldOf(chat, [
    chunk({ choices: [], usage: usage(5, 6) }),
    chunk({ choices: [], moderation: {} }),
  ]);
  t.equal(fold.usage.inputTokens, 5);
  t.equal(
    foldOf(chat, [chunk({ usage: usage(5, 6) }), chunk({ usage: {} })]).usage.inputTokens,
    5,
    'an empty object',
  );
  t.end();
});

t.test('cached tokens by all their names', t => {
  for (const more of [
    { prompt_tokens_details: { cached_tokens: 12 } },
    { cached_tokens: 12 },
    { num_cached_tokens: 12 },
    { prompt_cache_hit_tokens: 12 },
    { cache_read_input_tokens: 12 },
    { cached_tokens: 12, prompt_tokens_details: null },
    { prompt_tokens_details: { cached_tokens: 12 }, cached_tokens: 99 },
  ]) {
    t.equal(foldJson(chat, { usage: usage(20, 1, more) }).usage.cachedInputTokens, 12, JSON.stringify(more));
  }
  for (const more of [
    { prompt_tokens_details: { cache_write_tokens: 7 } },
    { prompt_tokens_details: { cache_creation_input_tokens: 7 } },
    { cache_creation_input_tokens: 7 },
  ]) {
    t.equal(foldJson(chat, { usage: usage(20, 1, more) }).usage.cacheWriteTokens, 7, JSON.stringify(more));
  }
  t.equal(foldJson(chat, { usage: usage(20, 1) }).usage.cachedInputTokens, null, 'unknown is not zero');
  t.equal(foldJson(chat, { usage: usage(9, 5, { reasoning_tokens: 3 }) }).usage.reasoningTokens, 3);
  t.end();
});

t.test('usage in other places', t => {
  t.equal(
    foldOf(chat, [chunk({ ...delta(0, 'stop'), x_groq: { usage: usage(7, 2) } })]).usage.inputTokens,
    7,
  );
  t.equal(
    foldOf(chat, [chunk({ choices: [{ index: 0, finish_reason: 'stop', usage: usage(8, 2) }] })]).usage
      .inputTokens,
    8,
  );
  const details = {
    prompt_tokens_details: { cached_tokens: 3 },
    completion_tokens_details: { reasoning_tokens: 1 },
  };
  const groq = foldOf(chat, [chunk({ x_groq: { usage: usage(7, 2, details) } })]);
  t.hasStrict(groq.usage, { cachedInputTokens: 3, reasoningTokens: 1, outputTokens: 2 });
  t.equal(groq.usage.measures.totalTokens, 9);
  const flat = foldOf(chat, [chunk({ choices: [{ usage: usage(7, 2, { cached_tokens: 5 }) }] })]);
  t.equal(flat.usage.cachedInputTokens, 5);
  const both = foldOf(chat, [chunk({ x_groq: { usage: usage(7, 2) }, usage: usage(6, 2) })]);
  t.equal(both.usage.inputTokens, 6, 'the standard place is preferred');
  const later = foldOf(chat, [chunk({ x_groq: { usage: usage(7, 2) } }), chunk({ usage: usage(3, 1) })]);
  t.equal(later.usage.inputTokens, 3);
  t.end();
});

t.test('reasoning outside the output is added only where the row says so', t => {
  const body = {
    usage: {
      prompt_tokens: 10,
      completion_tokens: 4,
      total_tokens: 20,
      completion_tokens_details: { reasoning_tokens: 6 },
    },
  };
  t.equal(foldJson(chat, body).usage.outputTokens, 4);
  const fold = foldJson(chat, body, { ...PLAIN_TRAITS, reasoningOutsideOutput: true });
  t.equal(fold.usage.outputTokens, 10);
  t.equal(fold.usage.reasoningTokens, 6);
  t.end();
});

t.test('the output is the rest of the total only where the row says so', t => {
  const body = { usage: { prompt_tokens: 10, completion_tokens: 4, total_tokens: 31 } };
  t.equal(foldJson(chat, body).usage.outputTokens, 4);
  t.equal(foldJson(chat, body, { ...PLAIN_TRAITS, outputIsTotalMinusInput: true }).usage.outputTokens, 21);
  const none = { usage: { prompt_tokens: 10, completion_tokens: 4, total_tokens: 10 } };
  t.equal(foldJson(chat, none, { ...PLAIN_TRAITS, outputIsTotalMinusInput: true }).usage.outputTokens, 0);
  const short = { usage: { prompt_tokens: 10, completion_tokens: 4, total_tokens: 3 } };
  t.equal(foldJson(chat, short, { ...PLAIN_TRAITS, outputIsTotalMinusInput: true }).usage.outputTokens, 4);
  t.end();
});

t.test('cost as a number, as an object with a total, in ticks', t => {
  t.equal(foldJson(chat, { usage: usage(1, 1, { cost: 7.159e-5 }) }).usage.costNanos, 71_590);
  t.equal(
    foldJson(chat, { usage: usage(1, 1, { cost: { request_cost: 9, total_cost: 0.00502 } }) }).usage
      .costNanos,
    5_020_000,
  );
  t.equal(foldJson(chat, { usage: usage(1, 1, { cost_in_usd_ticks: 1_087_500 }) }).usage.costNanos, 108_750);
  t.equal(
    foldJson(chat, { usage: usage(1, 1, { cost_in_usd_ticks: 3e12 }) }).usage.costNanos,
    300_000_000_000,
  );
  t.equal(foldJson(chat, { usage: usage(1, 1, { cost: 0 }) }).usage.costNanos, 0);
  t.equal(foldJson(chat, { usage: usage(1, 1) }).usage.costNanos, null);
  t.equal(foldJson(chat, { usage: usage(1, 1, { cost: { input_cost: 1 } }) }).usage.costNanos, null);
  t.end();
});

t.test('with n > 1 only choice 0 speaks', t => {
  const fold = foldOf(chat, [chunk(delta(1, 'length')), chunk(delta(0, null))]);
  t.equal(fold.usage.finishReason, null);
  t.equal(fold.ended, false, 'the other choice is not the end');
  const whole = foldOf(chat, [chunk(delta(0, 'stop')), chunk(delta(1, 'length'))]);
  t.equal(whole.usage.finishReason, 'stop');
  t.end();
});

t.test('what ends a stream', t => {
  t.equal(foldOf(chat, [chunk(delta(0, null))]).ended, false);
  t.equal(foldOf(chat, [chunk(delta(0, null)), { text: 'keep-alive' }]).ended, false);
  t.equal(foldOf(chat, [chunk(delta(0, null)), DONE]).ended, true);
  t.equal(foldOf(chat, [{ text: '[DONE] ' }]).ended, true);
  t.equal(foldOf(chat, [chunk(delta(0, 'stop'))]).ended, true, 'some send no [DONE]');
  t.equal(
    foldOf(chat, [chunk(delta(0, '')), chunk({ choices: [] })]).ended,
    false,
    'an empty reason is none',
  );
  t.equal(foldOf(chat, [{ event: 'error', json: { error: { message: 'no' } } }]).ended, true);
  t.equal(foldOf(chat, [{ json: { error: { code: 500 } } }]).ended, true);
  t.equal(foldOf(chat, [{ json: { error: null } }]).ended, false);
  t.equal(chat?.mandatoryEnd, true);
  t.equal(completions?.mandatoryEnd, false, 'streams without any end are known');
  t.end();
});

t.test('an error beside usage keeps the usage', t => {
  const fold = foldOf(chat, [
    chunk({ ...delta(0, 'length'), error: { code: 400, message: 'limit' }, usage: usage(4, 2) }),
  ]);
  t.equal(fold.usage.inputTokens, 4);
  t.equal(fold.ended, true);
  t.end();
});

t.test('a total alone says nothing of its sides', t => {
  t.same(known(foldJson(chat, { usage: { total_tokens: 9 } }).usage), { totalTokens: 9 });
  t.end();
});

t.test('bad numbers are dropped one by one', t => {
  const fold = foldJson(chat, { usage: { prompt_tokens: -3, completion_tokens: 5, total_tokens: '8' } });
  t.same(known(fold.usage), { outputTokens: 5, invalid: true });
  const float = foldJson(chat, JSON.parse('{"usage":{"prompt_tokens":12.0,"completion_tokens":2.5}}'));
  t.same(known(float.usage), { inputTokens: 12, invalid: true });
  t.end();
});

t.test('completions are read alike', t => {
  const fold = foldJson(completions, {
    model: 'm-2',
    choices: [{ index: 0, text: 'x', finish_reason: 'length' }],
    usage: usage(3, 4),
  });
  t.same(known(fold.usage), {
    modelServed: 'm-2',
    finishReason: 'length',
    inputTokens: 3,
    outputTokens: 4,
    totalTokens: 7,
  });
  t.end();
});
