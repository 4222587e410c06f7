import t from 'tap';
import { type FirstScreen, firstScreenLines } from '../../lib/cli/first-screen.ts';
import type { Paint } from '../../lib/cli/paint.ts';

const same = (text: string): string => text;
const plain: Paint = { strong: same, faint: same, good: same, bad: same };

const screen: FirstScreen = {
  url: 'http://127.0.0.1:8787',
  opsUrl: null,
  demo: 'demo',
  providers: [
    {
      name: 'one',
      clients: [
        { tool: 'A', base: '/v1' },
        { tool: 'B', base: '' },
        { tool: 'C', base: '/v1' },
      ],
    },
  ],
  key: 'own',
  invocation: 'weir',
};

const linesOf = (changes: Partial<FirstScreen> = {}): readonly string[] =>
  firstScreenLines({ ...screen, ...changes }, plain);

t.test('the address is the first line, as the gateway says it', async t => {
  for (const url of [
    'http://127.0.0.1:8787',
    'http://0.0.0.0:80',
    'https://[::]:443',
    'unix:/run/weir.sock',
  ]) {
    t.equal(linesOf({ url })[0], `Weir listens on ${url}`);
  }
});

t.test('commands go where a client on this machine finds it', async t => {
  const curls = (url: string): readonly string[] => linesOf({ url }).filter(line => line.includes('curl'));
  t.equal(curls('http://127.0.0.1:8787').length, 6, 'one for each dialect');
  const cases = [
    ['http://127.0.0.1:8787', 'curl -N http://127.0.0.1:8787/demo/v1/messages -d '],
    ['http://0.0.0.0:80', 'curl -N http://127.0.0.1:80/demo/v1/messages -d '],
    ['http://[::]:80', 'curl -N http://[::1]:80/demo/v1/messages -d '],
    ['https://127.0.0.1:1', 'curl -N -k https://127.0.0.1:1/demo/v1/messages -d '],
    ['unix:/run/weir.sock', 'curl -N --unix-socket /run/weir.sock http://localhost/demo/v1/messages -d '],
  ] as const;
  for (const [url, start] of cases)
    t.ok(
      curls(url).some(line => line.trim().startsWith(start)),
      url,
    );
});

t.test('where keys are asked for, the calls have one', t => {
  const lines = linesOf({ key: 'client' });
  t.notOk(lines.some(line => line.includes('needs no key')));
  t.ok(lines.includes('Try it: the built-in demo needs no network, and as KEY one of this gateway’s'));
  const calls = lines.filter(line => line.includes('curl'));
  t.equal(calls.length, 6);
  t.ok(calls.every(line => line.startsWith('  curl -N -H "Authorization: Bearer $KEY" ')));
  t.end();
});

t.test('without the demo there is nothing to try on it', async t => {
  t.notOk(linesOf({ demo: null }).some(line => line.includes('curl') || line.includes('demo')));
});

t.test('tools that want the same base URL share a line', async t => {
  const lines = linesOf();
  t.ok(lines.includes('  A, C  http://127.0.0.1:8787/one/v1'));
  t.ok(lines.includes('  B     http://127.0.0.1:8787/one'));
});

t.test('whose key a tool needs is said', async t => {
  t.ok(linesOf({ key: 'own' }).some(line => line.includes('keep your own key')));
  t.ok(linesOf({ key: 'client' }).some(line => line.includes('auth.staticKeys')));
  t.ok(linesOf({ key: 'none' }).some(line => line.includes('any key will do')));
});
