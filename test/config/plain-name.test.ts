import { createHash } from 'node:crypto';
import t from 'tap';
import { isPlainName, showPath } from '../../lib/config/plain-name.ts';

t.test('names that people give are shown', async t => {
  const names = [
    'listen',
    'bodyBytes',
    'badCredentialsPerAddress',
    'OPENROUTER_API_KEY_2',
    'team-a',
    'lab',
    'gpt-4o',
    'model-4-6',
    'weir.yaml',
    'keys.v2',
    'a_b',
    'tls',
    '8080',
    'east1',
    'ID',
  ];
  for (const name of names) t.ok(isPlainName(name), name);
});

t.test('what may be a credential is not', async t => {
  const shapes = [
    '',
    'sk-abc',
    'SK-abc',
    'pk_live',
    'a b',
    'a\nb',
    'clé',
    'p@ss',
    'Tr0ub4dor3',
    'x'.repeat(80),
    'eyJhbGciOiJIUzI1NiJ9',
  ];
  for (const name of shapes) t.notOk(isPlainName(name), name);
  for (let seed = 0; seed < 500; seed++) {
    const hash = createHash('sha256').update(`credential ${seed}`).digest();
    for (const form of [
      hash.toString('hex'),
      hash.toString('base64url'),
      hash.toString('hex').slice(0, 20),
    ]) {
      t.notOk(isPlainName(form), form);
    }
  }
});

t.test('paths keep the parts that are names', async t => {
  t.equal(showPath('/run/secrets/key.txt'), '/run/secrets/key.txt');
  t.equal(showPath('../x/9f3a7c21b8d4e6f0/y'), '../x/[hidden]/y');
});
