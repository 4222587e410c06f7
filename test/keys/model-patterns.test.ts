import fc from 'fast-check';
import t from 'tap';
import { compileModelPatterns } from '../../lib/keys/model-patterns.ts';

function allows(pattern: string, model: string, route = 'lab'): boolean {
  return compileModelPatterns([pattern]).allows(route, model);
}

t.test('the whole name, and case counts', async t => {
  t.equal(allows('gpt-4o', 'gpt-4o'), true);
  for (const other of ['gpt-4', 'gpt-4o ', ' gpt-4o', 'GPT-4o', 'gpt-4o-mini', 'xgpt-4o', 'gpt-4o\n', '']) {
    t.equal(allows('gpt-4o', other), false, other);
  }
  t.equal(allows('', ''), true);
  t.equal(allows('', 'a'), false);
});

t.test('* is any run, slashes and nothing included', async t => {
  t.equal(allows('gpt-*', 'gpt-4o'), true);
  t.equal(allows('gpt-*', 'gpt-'), true);
  t.equal(allows('gpt-*', 'gpt'), false);
  t.equal(allows('*', 'meta-llama/Llama-3.1-8B'), true);
  t.equal(allows('*', ''), true);
  t.equal(allows('*mini*', 'o4-mini-2025'), true);
  t.equal(allows('a*b*c', 'a-b-b-c'), true);
  t.equal(allows('a*b*c', 'a-c-b'), false);
  t.equal(allows('a**', 'ab'), true);
  t.equal(allows('*a', 'aab'), false);
});

t.test('? is exactly one character, not one unit of it', async t => {
  t.equal(allows('gpt-?', 'gpt-4'), true);
  t.equal(allows('gpt-?', 'gpt-'), false);
  t.equal(allows('gpt-?', 'gpt-4o'), false);
  t.equal(allows('m?', 'm😀'), true);
  t.equal(allows('m??', 'm😀'), false);
  t.equal(allows('a?c', 'a/c'), true);
});

t.test('with a slash it is about the route and the model, without one about the model alone', async t => {
  t.equal(allows('openai/*', 'gpt-4o', 'openai'), true);
  t.equal(allows('openai/*', 'gpt-4o', 'azure'), false);
  t.equal(allows('*/gpt-4o', 'gpt-4o', 'azure'), true);
  t.equal(allows('together/meta-llama/*', 'meta-llama/Llama-3', 'together'), true);
  t.equal(allows('meta-llama/*', 'meta-llama/Llama-3', 'together'), false);
  t.equal(allows('llama*', 'meta-llama/Llama-3', 'together'), false);
  t.equal(allows('meta-llama?Llama-3', 'meta-llama/Llama-3', 'together'), true);
  t.equal(allows('meta*', 'meta-llama/Llama-3', 'together'), true);
  t.equal(allows('openai*', 'gpt-4o', 'openai'), false, 'the route is no part of the model');
});

t.test('any one of several will do, none allows nothing', async t => {
  const patterns = compileModelPatterns(['gpt-4o', 'claude-*', 'google/gemini-?']);
  t.equal(patterns.allows('openai', 'gpt-4o'), true);
  t.equal(patterns.allows('anthropic', 'claude-x'), true);
  t.equal(patterns.allows('google', 'gemini-3'), true);
  t.equal(patterns.allows('vertex', 'gemini-3'), false);
  t.equal(compileModelPatterns([]).allows('openai', 'gpt-4o'), false);
});

t.test('characters of regular expressions are themselves', async t => {
  for (const pattern of ['a.c', 'a+', '[ab]', '(a)', 'a|b', '^a$', 'a\\d', 'a{1}']) {
    t.equal(allows(pattern, pattern), true, pattern);
    t.equal(allows(`${pattern}*`, `${pattern}x`), true, pattern);
  }
  t.equal(allows('a.c', 'abc'), false);
  t.equal(allows('a\\*', 'a*'), false, 'nothing is an escape');
});

/** The same by the book: a regular expression, which may take for ever and so gets short texts only. */
function byTheBook(pattern: string, text: string): boolean {
  const source = [...pattern].map(c =>
    c === '*' ? '[^]*' : c === '?' ? '[^]' : `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
  return new RegExp(`^${source.join('')}$`, 'u').test(text);
}

t.test('any pattern and name: as a regular expression says', async t => {
  const unit = fc.constantFrom('a', 'b', 'A', '/', '.', '😀', '\n', ' ');
  const glob = fc.string({ unit: fc.oneof(unit, fc.constantFrom('*', '*', '?')), maxLength: 10 });
  fc.assert(
    fc.property(
      glob,
      fc.string({ unit, maxLength: 12 }),
      fc.constantFrom('a', 'b'),
      (pattern, model, route) => {
        const text = pattern.includes('/') ? `${route}/${model}` : model;
        return allows(pattern, model, route) === byTheBook(pattern, text);
      },
    ),
    { numRuns: 20_000 },
  );
  t.pass('held');
});

t.test('a hostile pattern takes no longer than its length times that of the name', async t => {
  const model = 'a'.repeat(512);
  for (const pattern of [
    `${'*a'.repeat(120)}b`,
    `${'a*'.repeat(120)}b`,
    `${'*?'.repeat(120)}b`,
    '*'.repeat(256),
  ]) {
    const patterns = compileModelPatterns([pattern]);
    const startMs = performance.now();
    for (let i = 0; i < 100; i++) patterns.allows('lab', model);
    t.ok(performance.now() - startMs < 5000, `${pattern.slice(0, 8)}… ended`);
  }
});
