import t from 'tap';
import type { Limits } from '../../lib/limits/index.ts';
import type { Exchange } from '../../lib/pipeline/index.ts';
import { admit, exchangeOf, keyOf, lab } from './sample.ts';

function told(limits: Limits, exchange: Exchange): Record<string, string> {
  const flat = limits.limitHeaders!(exchange);
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]!]] : [])));
}

t.test('answers say how near the limits of their key are', async t => {
  const limits = await lab().open({ headers: true, perKey: { rpm: 10, tpm: 5000 }, global: { rpm: 4 } });
  const principal = keyOf('a');
  for (const left of ['9', '8', '7', '6']) {
    const exchange = exchangeOf({ principal, bodyBytes: 400, maxOutputTokens: 100 });
    t.equal(admit(limits, exchange), undefined);
    const headers = told(limits, exchange);
    t.equal(headers['x-ratelimit-limit-requests'], '10');
    t.equal(headers['x-ratelimit-remaining-requests'], left);
    t.match(headers['x-ratelimit-reset-requests'], /^6[0-5]s$/);
    t.equal(headers['x-ratelimit-limit-tokens'], '5000');
    t.equal(headers['x-ratelimit-remaining-tokens'], String(5000 - (10 - Number(left)) * 200));
    t.match(headers['x-ratelimit-reset-tokens'], /^6[0-5]s$/);
  }
  const refused = exchangeOf({ principal });
  t.equal(admit(limits, refused)?.code, 'rate_limited');
  t.equal(told(limits, refused)['x-ratelimit-remaining-requests'], '6', 'what others use up is not told');
});

t.test('of two limits the one that leaves less', async t => {
  const limits = await lab().open({ headers: true, perKey: { rpm: 10 }, perSubject: { rpm: 12 } });
  const first = keyOf('first', {}, 'alice');
  const second = keyOf('second', {}, 'alice');
  for (let i = 0; i < 6; i++) admit(limits, exchangeOf({ principal: first }));
  const exchange = exchangeOf({ principal: second });
  admit(limits, exchange);
  t.hasStrict(told(limits, exchange), {
    'x-ratelimit-limit-requests': '12',
    'x-ratelimit-remaining-requests': '5',
  });
  const own = exchangeOf({ principal: first });
  admit(limits, own);
  t.hasStrict(told(limits, own), {
    'x-ratelimit-limit-requests': '10',
    'x-ratelimit-remaining-requests': '3',
  });
});

t.test('a refusal says that nothing remains', async t => {
  const limits = await lab().open({ headers: true, perKey: { rpm: 1, tpm: 100 } });
  admit(limits, exchangeOf({ principal: keyOf('a'), maxOutputTokens: 100 }));
  const refused = exchangeOf({ principal: keyOf('a'), maxOutputTokens: 100 });
  t.equal(admit(limits, refused)?.code, 'rate_limited');
  t.equal(told(limits, refused)['x-ratelimit-remaining-requests'], '0');
  const other = await lab().open({ headers: true, perKey: { tpm: 100 } });
  admit(other, exchangeOf({ principal: keyOf('a'), maxOutputTokens: 100 }));
  const noTokens = exchangeOf({ principal: keyOf('a'), maxOutputTokens: 1 });
  t.equal(admit(other, noTokens)?.code, 'token_rate_limited');
  t.equal(told(other, noTokens)['x-ratelimit-remaining-tokens'], '0');
});

t.test('nothing is told where nothing applies, or nobody asked for it', async t => {
  const limits = await lab({ grantsMayLimit: true }).open({ headers: true });
  const exchange = exchangeOf({ principal: keyOf('a') });
  admit(limits, exchange);
  t.strictSame(told(limits, exchange), {});
  t.equal((await lab().open({ perKey: { rpm: 1 } })).limitHeaders, null);
});
