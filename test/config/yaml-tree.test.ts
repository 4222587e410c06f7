import t from 'tap';
import { ConfigReader } from '../../lib/config/index.ts';
import { CONTEXT, readText, summary } from './sample.ts';

const OPEN = ': the text ends where a quote or bracket is still open';
const NESTED = ': a value cannot hold another key: quote it, or check the indentation of the next line';

/** Text that is refused before any schema sees it, and where. */
const REFUSED: [string, string][] = [
  ['a: 1\nb: 2\na: 3', '3:1 a: duplicate key, first on line 1'],
  ['a: { b: 1, "b": 2 }', '1:12 a.b: duplicate key, first on line 1'],
  ['a: [{ b: 1, b: 2 }]', '1:13 a[0].b: duplicate key, first on line 1'],
  ['1: a\n"1": b', '2:1 1: duplicate key, first on line 1'],
  ['a:\n\tb: 1', '2:1 : a tab cannot indent: use spaces'],
  ['a:\n  b: 1\n\tc: 1', '3:1 : a tab cannot indent: use spaces'],
  ['a:\n  b: 1\n \tc: 1', '3:2 : a tab cannot indent: use spaces'],
  ['a: 1\nb: x\0y', '2:5 : the character U+0000 is not allowed in YAML'],
  ['a: \x1b[1m', '1:4 : the character U+001B is not allowed in YAML'],
  ['a: \ud800', '1:4 : the character U+D800 is not allowed in YAML'],
  ['a: 1\n---\nb: 1', '2:1 : one file holds one document: remove the second "---"'],
  ['a: 1\n...\n---\nb: 1', '3:1 : one file holds one document: remove the second "---"'],
  ['a: !!js/function "x"', '1:4 : tags (!) are not supported'],
  ['a: !secret x', '1:4 : tags (!) are not supported'],
  ['a: !!binary aGk=', '1:4 : tags (!) are not supported'],
  ['a: !!set { b }', '1:4 : tags (!) are not supported'],
  ['%YAML 1.1\n---\na: yes', '1:1 : directives (%) are not supported'],
  ['%TAG ! tag:x:\n---\na: 1', '1:1 : directives (%) are not supported'],
  ['a: &x {}\nb:\n  <<: *x', '3:3 b: merge keys (<<) are not supported'],
  ['a: &x {}\nb: { <<: { __proto__: 1 } }', '2:6 b: merge keys (<<) are not supported'],
  ['a: { __proto__: { b: 1 } }', '1:6 a.__proto__: this name is not allowed as a key'],
  ['a: { "constructor": 1 }', '1:6 a.constructor: this name is not allowed as a key'],
  ['prototype: 1', '1:1 prototype: this name is not allowed as a key'],
  ['a: [1, { b: *x }]', '1:13 a[1].b: no anchor "&x" stands above this alias'],
  ['a: *x\nb: &x 1', '1:4 a: no anchor "&x" stands above this alias'],
  ['a: &x [1, *x]', '1:11 a[1]: this alias contains itself'],
  ['a: &x { b: &y [*x] }', '1:16 a.b[0]: this alias contains itself'],
  ['a: &x 1\nb: &x 2', '2:7 b: this anchor is defined twice'],
  ['[a]: 1', '1:1 : a key must be plain text'],
  ['? { a: b }\n: 1', '1:3 : a key must be plain text'],
  ['a: b: c', `1:4 ${NESTED}`],
  ['a: 1\n b: 2', `1:4 ${NESTED}`],
  [
    'a: 1\nb\nc: 1',
    '2:1 : something is missing here: ":" and a space after a key, a comma, or a closing quote or bracket',
  ],
  ['a: @x', '1:4 : a value cannot start with this character: quote it'],
  ['a: `x`', '1:4 : a value cannot start with this character: quote it'],
  ['a: "\\q"', '1:5 : unknown escape in a double-quoted text: use single quotes, or double the backslash'],
  ['a: "x', `1:6 ${OPEN}`],
  ["a: 'x", `1:6 ${OPEN}`],
  ['a: [1, 2', `1:9 ${OPEN}`],
  ['a: {b: 1\n', `2:1 ${OPEN}`],
  ['a: }', '1:4 : this is not valid YAML here'],
  ['a: 1\nb: c: d\ne: ]', `2:4 ${NESTED}`],
  ['- a', '1:1 : a config is a map of sections'],
  ['just text', '1:1 : a config is a map of sections'],
  [`k${'x'.repeat(1100)}: 1`, '1:1 : this key is far too long'],
];

t.test('what is not plain YAML 1.2 is refused with its position', async t => {
  for (const [text, expected] of REFUSED)
    t.strictSame(summary(readText(text)), [expected], JSON.stringify(text));
});

const anything = new ConfigReader<Record<string, unknown>>({ type: 'object', additionalProperties: true });

t.test('what people write in YAML is taken', async t => {
  const cases: [string, unknown][] = [
    ['a: [\n  1,\n  2\n]', [1, 2]],
    ['a: yes', 'yes'],
    ['a: 0x10', 16],
    ['a: 0o17', 15],
    ['a: 1e3', 1000],
    ['a: TRUE', true],
    ['a: Null', null],
    ['a: 2024-01-01', '2024-01-01'],
    ['a: 12:30', '12:30'],
    ['a: !!str 1', '1'],
    ['a: |\n  x\n  y\n', 'x\ny\n'],
    ['a: >-\n  x\n  y\n', 'x y'],
    ['a: "caf\\u00e9 \\t"', 'café \t'],
    ['a: "\u{1F980}" # crab', '\u{1F980}'],
    ['a: { 8080: x, true: y, null: z }', { 8080: 'x', true: 'y', null: 'z' }],
    ['a: { ? b }', { b: null }],
    ["a: 'it''s'", "it's"],
    ['a: x\ty', 'x\ty'],
    ['a: &x { b: 1 }\nc: [*x, *x]', { b: 1 }],
  ];
  for (const [text, expected] of cases) {
    const result = anything.readText(text, CONTEXT);
    t.strictSame(result.ok ? result.settings.a : summary(result), expected, JSON.stringify(text));
  }
});

function aliasBomb(levels: number): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level <= levels; level++) {
    lines.push(
      `a${level}: &a${level} [${Array(9)
        .fill(`*a${level - 1}`)
        .join(', ')}]`,
    );
  }
  return lines.join('\n');
}

t.test('bombs are refused at once', async t => {
  const indented = Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('');
  const wide = `a: &a [${'1,'.repeat(2000)}]\nb: [${'*a,'.repeat(60)}]`;
  const bombs: [string, string, RegExp][] = [
    ['alias bomb', aliasBomb(9), /^3:\d+ a2\[\d\]\[\d\]: too many aliases$|too many aliases$/],
    ['aliases of something large', wide, /the config is too large$/],
    ['50 MB', 'a: 1\n'.repeat(10_000_000), /^1:1 : the config is larger than 1 MiB$/],
    ['1 MiB in characters, more in bytes', `a: ${'é'.repeat(600_000)}`, /larger than 1 MiB$/],
    ['nested lists', '['.repeat(100_000), /nested too deeply$/],
    ['nested maps', '{a: '.repeat(100_000), /nested too deeply$/],
    ['nested blocks', '- '.repeat(100_000), /nested too deeply$/],
    ['nested by indentation', indented, /nested too deeply$/],
    ['brackets that close nothing', ']'.repeat(1_000_000), /not valid YAML here$/],
    ['documents', '---\n'.repeat(250_000), /one document/],
    ['directives', '%a\n'.repeat(300_000), /directives/],
  ];
  anything.readText('a: 1', CONTEXT);
  for (const [name, text, message] of bombs) {
    let problems: string[] = [];
    let elapsedMs = Number.POSITIVE_INFINITY;
    // The best of three: other work on the machine is not what is measured.
    for (let run = 0; run < 3; run++) {
      const start = performance.now();
      problems = summary(anything.readText(text, CONTEXT));
      elapsedMs = Math.min(elapsedMs, performance.now() - start);
    }
    t.match(problems, [message], name);
    t.equal(problems.length, 1, name);
    t.ok(elapsedMs < 200, `${name}: ${Math.round(elapsedMs)} ms`);
  }
});

t.test('a text with more parts than any config is given up', async t => {
  for (const text of [`a: [${'1,'.repeat(400_000)}`, '"'.repeat(1_000_000), 'k: 1\n'.repeat(200_000)]) {
    t.match(summary(anything.readText(text, CONTEXT)), [/the config is too large$/]);
  }
});

t.test('a large but honest config is read', async t => {
  const text = Array.from({ length: 3000 }, (_, i) => `key${i}: { id: a${i}, list: [1, 2] }\n`).join('');
  const result = anything.readText(text, CONTEXT);
  t.equal(result.ok && Object.keys(result.settings).length, 3000);
});

t.test('no prototype is reached', async t => {
  for (const text of [
    '__proto__: { polluted: 1 }',
    'a: { __proto__: { polluted: 1 } }',
    '"__proto__":\n  polluted: 1',
  ]) {
    anything.readText(text, CONTEXT);
    t.equal(({} as Record<string, unknown>).polluted, undefined);
  }
  const result = anything.readText('toString: 1\nhasOwnProperty: 2\n', CONTEXT);
  t.strictSame(
    result.ok && { ...result.settings },
    { toString: 1, hasOwnProperty: 2 },
    'other names are just names',
  );
});
