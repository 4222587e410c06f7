import t from 'tap';
import type { Exchange, Outcome } from '../../lib/pipeline/index.ts';
import { admit, byoKey, end, exchangeOf, keyOf, lab, metric } from './sample.ts';

t.test('so many requests of a key at a time, and a place is free again when one is over', async t => {
  const limits = await lab({ grantsMayLimit: true }).open({ perKey: { concurrency: 3 } });
  const principal = keyOf('a');
  const running: Exchange[] = [];
  const begin = () => {
    const exchange = exchangeOf({ principal });
    const refusal = admit(limits, exchange);
    if (refusal === undefined) running.push(exchange);
    return refusal;
  };
  for (let i = 0; i < 3; i++) t.equal(begin(), undefined);
  const refusal = begin()!;
  t.equal(refusal.code, 'concurrency_limited');
  t.equal(refusal.retryAfterSeconds, 1);
  t.strictSame(metric(limits, 'weir_limit_concurrency_in_use'), { '': 3 });
  end(running.pop()!, 'complete');
  t.equal(begin(), undefined);
  t.equal(begin()?.code, 'concurrency_limited');
  const own = keyOf('b', { concurrency: 1 });
  t.equal(admit(limits, exchangeOf({ principal: own })), undefined);
  t.equal(admit(limits, exchangeOf({ principal: own }))?.code, 'concurrency_limited');
  t.equal(admit(limits, exchangeOf({ principal: byoKey('byo:x') })), undefined);
});

t.test('10,000 aborts in every phase leave nothing behind', async t => {
  const { clock, open } = lab();
  const limits = await open({
    perKey: { concurrency: 50, rpm: 1_000_000, tpm: 1_000_000_000 },
    perSubject: { rpm: 1_000_000, tpm: 1_000_000_000 },
  });
  const outcomes: Outcome[] = ['clientAborted', 'upstreamFailed', 'upstreamTruncated', 'drainCut', 'refused'];
  const running: Exchange[] = [];
  for (let i = 0; i < 10_000; i++) {
    const exchange = exchangeOf({ principal: keyOf(`k${i % 7}`), bodyBytes: 100, maxOutputTokens: 50 });
    if (admit(limits, exchange) === undefined) running.push(exchange);
    if (running.length > 40) {
      const [gone] = running.splice(i % running.length, 1);
      end(gone!, outcomes[i % outcomes.length]!, { sent: false });
    }
    if (i % 100 === 0) clock.pass(50);
  }
  for (const exchange of running) end(exchange, 'clientAborted', { sent: false });
  t.strictSame(metric(limits, 'weir_limit_concurrency_in_use'), { '': 0 });
  t.hasStrict(metric(limits, 'weir_limit_window_count'), { keyTokens: 0, subjectTokens: 0 });
});

t.test('what concurrency refuses no rate has counted, and what a rate refuses holds no place', async t => {
  const limits = await lab().open({ perKey: { concurrency: 1, rpm: 2 } });
  const principal = keyOf('a');
  const first = exchangeOf({ principal });
  t.equal(admit(limits, first), undefined);
  for (let i = 0; i < 5; i++) {
    t.equal(admit(limits, exchangeOf({ principal }))?.code, 'concurrency_limited');
  }
  end(first, 'complete');
  const second = exchangeOf({ principal });
  t.equal(admit(limits, second), undefined);
  end(second, 'complete');
  t.equal(admit(limits, exchangeOf({ principal }))?.code, 'rate_limited');
  t.strictSame(metric(limits, 'weir_limit_concurrency_in_use'), { '': 0 });
});
