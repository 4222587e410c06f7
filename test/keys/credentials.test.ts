import t from 'tap';
import { Refusal } from '../../lib/errors/index.ts';
import { readCredentials } from '../../lib/keys/credentials.ts';

type Read = readonly string[] | 'ambiguous_credentials';

function read(
  fields: readonly string[],
  query = '',
  scheme: Parameters<typeof readCredentials>[2] = 'bearer',
): Read {
  const found = readCredentials(fields, query, scheme);
  return found instanceof Refusal ? (found.code as 'ambiguous_credentials') : found;
}

t.test('every place a stock client uses', async t => {
  t.strictSame(read(['Authorization', 'Bearer k1']), ['k1']);
  t.strictSame(read(['authorization', 'bEARER   k1 ']), ['k1']);
  t.strictSame(read(['X-Api-Key', 'k1']), ['k1']);
  t.strictSame(read(['api-key', 'k1']), ['k1']);
  t.strictSame(read(['x-goog-api-key', 'k1']), ['k1']);
  t.strictSame(read([], '?alt=sse&key=k1'), ['k1']);
  t.strictSame(read([], '?%6bey=k%2B1'), ['k+1'], 'names are decoded before they are compared');
  t.strictSame(read([], '?monkey=k1&akey=2'), []);
});

t.test('Authorization without Bearer is a credential only where the scheme has that form', async t => {
  t.strictSame(read(['Authorization', 'k1']), []);
  t.strictSame(read(['Authorization', 'k1'], '', 'raw'), ['k1']);
  t.strictSame(read(['Authorization', 'Token k1'], '', 'token'), ['k1']);
  t.strictSame(read(['Authorization', 'Token k1']), []);
  t.strictSame(read(['Authorization', 'AWS4-HMAC-SHA256 Credential=x'], '', 'sigv4'), []);
  t.strictSame(read(['xi-api-key', 'k1']), []);
  t.strictSame(read(['xi-api-key', 'k1'], '', 'xi-api-key'), ['k1']);
});

t.test('the same value twice is one credential, in whatever places', async t => {
  t.strictSame(read(['x-api-key', 'k1', 'Authorization', 'Bearer k1'], '?key=k1'), ['k1']);
  t.strictSame(read(['x-api-key', 'k1', 'X-API-KEY', 'k1']), ['k1']);
});

t.test('one field twice with different values is refused', async t => {
  t.equal(read(['x-api-key', 'k1', 'X-Api-Key', 'k2']), 'ambiguous_credentials');
  t.equal(read(['Authorization', 'Bearer a', 'authorization', 'Bearer b']), 'ambiguous_credentials');
});

t.test('different fields may carry different values: the caller decides', async t => {
  t.strictSame(read(['x-api-key', 'k1', 'Authorization', 'Bearer k2']), ['k1', 'k2']);
});
