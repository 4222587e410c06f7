import fc from 'fast-check';
import t from 'tap';
import type { Operation, Outcome } from '../../lib/pipeline/index.ts';
import { type Asked, admit, admitted, end, exchangeOf, keyOf, lab, metric } from './sample.ts';

const LIMIT = 10_000;

/** One request under an empty limit; what is counted while it runs, and when it is over. */
async function counted(
  asked: Asked,
  outcome: Outcome,
  known: Parameters<typeof end>[2] = {},
): Promise<{ readonly reserved: number; readonly spent: number }> {
  const limits = await lab().open({ perKey: { tpm: LIMIT } });
  const exchange = exchangeOf({ principal: keyOf('a'), ...asked });
  if (admit(limits, exchange) !== undefined) throw new Error('refused at an empty limit');
  const reserved = metric(limits, 'weir_limit_window_count').keyTokens!;
  end(exchange, outcome, known);
  return { reserved, spent: metric(limits, 'weir_limit_window_count').keyTokens! };
}

t.test('what a request is likely to cost', async t => {
  const reserved = async (asked: Asked) => (await counted(asked, 'complete')).reserved;
  t.equal(await reserved({ bodyBytes: 401, maxOutputTokens: 50 }), 151, 'a token for four bytes');
  t.equal(await reserved({ bodyBytes: 400 }), 100 + 1024, 'an answer of which nothing is said');
  t.equal(await reserved({ bodyBytes: 10, contentLength: '4000', maxOutputTokens: 1 }), 1001);
  t.equal(await reserved({ contentLength: 'x', maxOutputTokens: 1 }), 1);
  t.equal(await reserved({ bodyBytes: 40, maxOutputTokens: 1e12 }), LIMIT, 'more than the limit: all of it');
  t.equal(await reserved({ bodyBytes: 40, maxOutputTokens: Number.POSITIVE_INFINITY }), LIMIT);
  t.equal(await reserved({ bodyBytes: 40, maxOutputTokens: -1 }), 10 + 1024);
  t.equal(await reserved({ bodyBytes: 400, operation: 'embedding', maxOutputTokens: 7 }), 100);
  t.equal(await reserved({ bodyBytes: 4_000_000, operation: 'transcription' }), 1024, 'sound is not text');
  t.equal(await reserved({ method: 'GET', operation: 'models' }), 0);
  t.equal(await reserved({ method: 'GET', operation: 'other', contentLength: '400' }), 0);
});

t.test('what it did cost takes the place of it', async t => {
  const asked = { bodyBytes: 400, maxOutputTokens: 500 };
  const spent = async (outcome: Outcome, known: Parameters<typeof end>[2] = {}) =>
    (await counted(asked, outcome, known)).spent;
  t.equal(await spent('complete', { input: 90, output: 20 }), 110);
  t.equal(await spent('complete', { input: 90, output: 2000 }), 2090, 'also where that is more');
  t.equal(await spent('complete', { input: 90 }), 590, 'a side that is not stated stays as reserved');
  t.equal(await spent('complete', { output: 20 }), 120);
  t.equal(await spent('complete'), 600, 'nothing is stated');
  t.equal(await spent('complete', { status: 500 }), 0, 'an error costs what it states: nothing');
  t.equal(await spent('complete', { status: 400, input: 7, output: 0 }), 7);
  for (const outcome of ['clientAborted', 'upstreamTruncated', 'drainCut'] as const) {
    t.equal(await spent(outcome, { input: 90, output: 3 }), 93, `${outcome}: what was stated so far`);
    t.equal(await spent(outcome, { input: 90 }), 90);
    t.equal(await spent(outcome), 100, 'else its input, as it was sent');
    t.equal(await spent(outcome, { sent: false }), 0, 'nothing was sent');
    t.equal(await spent(outcome, { delivered: 1 }), 600, 'something was delivered: as reserved');
    t.equal(await spent(outcome, { delivered: 200_000 }), 1100, 'much was: by its size');
    t.equal(
      await spent(outcome, { input: 90, output: 1, delivered: 200_000 }),
      1090,
      'whatever was stated early',
    );
  }
  const final = { input: 90, output: 3, delivered: 200_000, answerEnded: true };
  t.equal(await spent('clientAborted', final), 93, 'left once the answer was over: what it stated');
  t.equal(await spent('upstreamFailed', { status: 502, delivered: 120 }), 100, 'an error of our own');
  t.equal(await spent('refused', { sent: true, status: 504, delivered: 120 }), 100);
  t.equal(await spent('refused', { sent: false }), 0);
});

t.test('an estimate of the input is never more than was reserved', async t => {
  const asked = { bodyBytes: 4_000_000, maxOutputTokens: 500 };
  t.strictSame(await counted(asked, 'complete'), { reserved: LIMIT, spent: LIMIT });
  t.strictSame(await counted(asked, 'clientAborted'), { reserved: LIMIT, spent: LIMIT });
  t.strictSame(await counted(asked, 'complete', { output: 5 }), { reserved: LIMIT, spent: LIMIT + 5 });
  t.strictSame(await counted(asked, 'complete', { input: 100, output: 5 }), { reserved: LIMIT, spent: 105 });
});

t.test('a request larger than the limit passes an empty window, and only that', async t => {
  const { clock, open } = lab();
  const limits = await open({ perKey: { tpm: LIMIT } });
  const principal = keyOf('a');
  const large = { principal, bodyBytes: 4_000_000, maxOutputTokens: 1 };
  t.equal(admit(limits, exchangeOf({ principal, bodyBytes: 4, maxOutputTokens: 1 })), undefined);
  const refusal = admit(limits, exchangeOf(large))!;
  t.equal(refusal.code, 'token_rate_limited');
  t.match(refusal.detail, 'key');
  clock.pass(refusal.retryAfterSeconds * 1000);
  t.equal(admit(limits, exchangeOf(large)), undefined);
  t.equal(
    admit(limits, exchangeOf({ principal, bodyBytes: 4, maxOutputTokens: 1 }))?.code,
    'token_rate_limited',
  );
  t.equal(admit(limits, exchangeOf({ principal, method: 'GET', operation: 'models' })), undefined);
});

t.test('what token limits refuse no rate has counted, nor another token limit', async t => {
  const { open } = lab({ grantsMayLimit: true });
  const settings = { perKey: { rpm: 100 }, perSubject: { tpm: 100, rpm: 100 }, global: { rpm: 100 } };
  const limits = await open(settings);
  const principal = keyOf('a', { tpm: 1000 }, 'alice');
  const asked = { principal, bodyBytes: 0, maxOutputTokens: 40 };
  t.equal(
    admitted(limits, () => asked, 20),
    2,
    'the tighter of key and subject',
  );
  t.strictSame(metric(limits, 'weir_limit_window_count'), {
    keyRequests: 2,
    subjectRequests: 2,
    globalRequests: 2,
    keyTokens: 80,
    subjectTokens: 80,
  });
  t.strictSame(metric(limits, 'weir_limit_concurrency_in_use'), { '': 0 });
});

t.test(
  'an answer longer than the window: what it cost more than reserved counts when it is known',
  async t => {
    const { clock, open } = lab();
    const limits = await open({ perKey: { tpm: LIMIT } });
    const principal = keyOf('a');
    const dear = exchangeOf({ principal, bodyBytes: 400 });
    const cheap = exchangeOf({ principal, bodyBytes: 400 });
    admit(limits, dear);
    admit(limits, cheap);
    clock.pass(120_000);
    t.strictSame(metric(limits, 'weir_limit_window_count'), { keyTokens: 0 });
    end(cheap, 'complete', { input: 100, output: 1 });
    t.strictSame(metric(limits, 'weir_limit_window_count'), { keyTokens: 0 }, 'nothing is given back twice');
    end(dear, 'complete', { input: 100, output: 30_000 });
    t.strictSame(metric(limits, 'weir_limit_window_count'), { keyTokens: 30_100 - 1124 });
    t.equal(admit(limits, exchangeOf({ principal, bodyBytes: 4 }))?.code, 'token_rate_limited');
  },
);

t.test('never more is reserved than the limit, and what was not spent is given back', async t => {
  const operations: Operation[] = ['chat', 'embedding', 'other'];
  const steps = fc.array(
    fc.record({
      bytes: fc.integer({ min: 0, max: 8000 }),
      most: fc.option(fc.integer({ min: 1, max: 5000 })),
      operation: fc.constantFrom(...operations),
      outcome: fc.constantFrom<Outcome>('complete', 'clientAborted', 'upstreamFailed'),
      output: fc.option(fc.integer({ min: 0, max: 200 })),
    }),
    { minLength: 1, maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async list => {
      const { open } = lab();
      const limits = await open({ perKey: { tpm: LIMIT }, sketch: { width: 1024, depth: 1 } });
      const now = () => metric(limits, 'weir_limit_window_count').keyTokens!;
      for (const { bytes, most, operation, outcome, output } of list) {
        const before = now();
        const exchange = exchangeOf({
          principal: keyOf('a'),
          bodyBytes: bytes,
          maxOutputTokens: most,
          operation,
        });
        const refusal = admit(limits, exchange);
        t.equal(now() <= LIMIT, true);
        if (refusal !== undefined) t.equal(now(), before);
        else if (output === null) {
          end(exchange, outcome, { sent: false });
          if (outcome !== 'complete') t.equal(now(), before);
        } else end(exchange, outcome, { input: 3, output });
        if (refusal === undefined && output !== null) t.equal(now() - before <= 3 + output, true);
      }
    }),
    { numRuns: 40 },
  );
});
