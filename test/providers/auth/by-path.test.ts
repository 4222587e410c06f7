import t from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import { ByPathScheme } from '../../../lib/providers/auth/by-path.ts';
import { HeaderScheme } from '../../../lib/providers/auth/header.ts';
import { Sigv4Scheme } from '../../../lib/providers/auth/sigv4.ts';
import { tools } from '../compiled.ts';

const usual = new HeaderScheme('bearer', 'authorization', 'Bearer ');
const other = new HeaderScheme('x-api-key', 'x-api-key', '');

t.test('whole segments decide', async t => {
  const scheme = new ByPathScheme(usual, [['/a/b', other]]);
  t.match(scheme, { name: 'bearer', needsBody: false });
  for (const [path, field] of [
    ['/a/b', 'x-api-key'],
    ['/a/b/', 'x-api-key'],
    ['/a/b/c', 'x-api-key'],
    ['/a/b?x=/', 'x-api-key'],
    ['/a/bc', 'authorization'],
    ['/a', 'authorization'],
    ['/c/a/b', 'authorization'],
    ['/?/a/b', 'authorization'],
  ] as const) {
    const headers: string[] = [];
    scheme.sign({ method: 'GET', host: 'h', path, headers, body: null, secrets: [] }, new Secret('k'));
    t.equal(headers[0], field, path);
    t.equal(headers.length, 2, path);
  }
});

t.test('the body is needed where any of them needs it', async t => {
  const signing = new Sigv4Scheme('s', 'r', tools.clock);
  t.equal(new ByPathScheme(usual, [['/a', signing]]).needsBody, true);
});
