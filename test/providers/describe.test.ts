import t from 'tap';
import { describeProviders } from '../../lib/providers/index.ts';
import { catalogue } from './compiled.ts';

const described = describeProviders(catalogue);
const of = (name: string) => described.find(each => each.name === name);

t.test('all rows, as plain data', async t => {
  t.equal(described.length, catalogue.rows.size);
  t.strictSame(JSON.parse(JSON.stringify(described)), described);
});

t.test('what config must give', async t => {
  t.match(of('openai'), { needs: [], origin: 'https://api.openai.com', auth: 'bearer', bare: ['/v1'] });
  t.strictSame(of('bedrock')?.needs, ['region']);
  t.strictSame(of('azure')?.needs, ['resource']);
  t.strictSame(of('qwen')?.needs, [], 'a variable of another origin only');
  t.match(of('gpustack'), { needs: ['origin'], origin: null, auth: 'none', local: true });
  t.match(of('demo'), { needs: [], origin: null });
});

t.test('second-hand facts show', async t => {
  t.match(of('openai'), { verified: true, unverified: [] });
  t.match(of('hyperbolic'), { verified: false, unverified: ['origin', 'auth', 'clients'] });
  t.match(
    of('fireworks'),
    { verified: true, unverified: ['models'] },
    'a list of models is not what routing stands on',
  );
});
