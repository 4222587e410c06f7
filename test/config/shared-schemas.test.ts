import t from 'tap';
import { ConfigReader } from '../../lib/config/index.ts';
import { CONTEXT, summary } from './sample.ts';

t.test('a part that stands in several places behaves in each as if it stood there alone', async t => {
  const limits = {
    type: 'object',
    default: {},
    properties: { size: { bytes: true, default: '1KiB' }, keys: { type: 'array', items: { secret: true } } },
  };
  const reader = new ConfigReader({
    type: 'object',
    properties: { a: limits, b: limits, c: { type: 'array', items: limits } },
  });
  const read = (text: string) => reader.readText(text, CONTEXT);
  const filled = { size: 1024 };
  t.match(read(''), { ok: true, settings: { a: filled, b: filled } }, 'defaults');
  t.match(read('a:\nc: [{ size: 1MiB }, ~]'), {
    ok: true,
    settings: { a: filled, b: filled, c: [{ size: 2 ** 20 }, filled] },
  });
  t.strictSame(summary(read('a: { siez: 1 }\nb: 1\nc: [{ keys: [x] }]')), [
    '1:6 a.siez: unknown key (size)',
    '2:4 b: expected a map, got a number',
    '3:14 c[0].keys[0]: a secret does not stand in the config itself: use env:NAME or file:PATH',
  ]);
});

t.test('a part may hold itself', async t => {
  const node: Record<string, unknown> = { type: 'object' };
  node.properties = { waitMs: { duration: true }, next: node, others: { type: 'array', items: node } };
  const reader = new ConfigReader({ type: 'object', properties: { first: node } });
  t.match(reader.readText('first: { next: { next: { waitMs: 1s } } }', CONTEXT), {
    ok: true,
    settings: { first: { next: { next: { waitMs: 1000 } } } },
  });
  t.strictSame(summary(reader.readText('first: { next: { others: [{ wait: 1s }] } }', CONTEXT)), [
    '1:29 first.next.others[0].wait: unknown key (waitMs)',
  ]);
});

t.test('many users of one part cost little more than one', async t => {
  const part = {
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key${i}`, { bytes: true }])),
  };
  const schema = (users: number) => ({
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: users }, (_, i) => [`user${i}`, part])),
  });
  const elapsedMs = (users: number) => {
    const start = performance.now();
    new ConfigReader(schema(users));
    return performance.now() - start;
  };
  elapsedMs(1);
  const best = (users: number) => Math.min(...Array.from({ length: 5 }, () => elapsedMs(users)));
  t.ok(best(100) < best(1) * 20, 'a hundred users');
});
