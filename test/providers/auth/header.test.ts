import t from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import { AUTH_SCHEMES, type AuthSchemeName } from '../../../lib/pipeline/index.ts';
import { createScheme } from '../../../lib/providers/auth/schemes.ts';
import { tools } from '../compiled.ts';

const bare = { ...tools, signing: null };

function signed(name: AuthSchemeName): string[] {
  const headers = ['accept', '*/*'];
  const request = { method: 'POST', host: 'a.example', path: '/v1/x', headers, body: null, secrets: [] };
  createScheme(name, bare)!.sign(request, new Secret('k-1'));
  return headers.slice(2);
}

t.test('one field each', async t => {
  t.strictSame(signed('bearer'), ['authorization', 'Bearer k-1']);
  t.strictSame(signed('x-api-key'), ['x-api-key', 'k-1']);
  t.strictSame(signed('api-key'), ['api-key', 'k-1']);
  t.strictSame(signed('x-goog-api-key'), ['x-goog-api-key', 'k-1']);
  t.strictSame(signed('xi-api-key'), ['xi-api-key', 'k-1']);
  t.strictSame(signed('token'), ['authorization', 'Token k-1']);
  t.strictSame(signed('raw'), ['authorization', 'k-1']);
  t.strictSame(signed('none'), []);
});

t.test('every scheme of the contract is made under its name; only the signature needs more', async t => {
  const signing = { service: 'bedrock', region: 'eu-west-1' };
  for (const name of AUTH_SCHEMES) {
    const scheme = createScheme(name, { ...bare, signing });
    t.match(scheme, { name, needsBody: name === 'sigv4' });
  }
  t.equal(createScheme('sigv4', bare), null);
});
