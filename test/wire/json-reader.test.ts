import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { JsonReader, type JsonToken } from '../../lib/wire/index.ts';
import { jsonText, repeatingJson } from './json-text.ts';

type Read = readonly (readonly [JsonToken, string?])[];

function tokens(text: string | Buffer, depthMax = 64): Read {
  const reader = new JsonReader(Buffer.from(text), depthMax);
  const read: [JsonToken, string?][] = [];
  for (;;) {
    const token = reader.next();
    if (token === 'name' || token === 'string') read.push([token, reader.text()]);
    else if (token === 'other')
      read.push([token, Buffer.from(text).toString('latin1', reader.start, reader.end)]);
    else read.push([token]);
    if (token === 'end' || token === 'fault') return read;
  }
}

/** The last value of each name, as JSON.parse would have it; undefined for a fault. */
function parsed(text: string): unknown {
  const read = tokens(text)[Symbol.iterator]();
  let failed = false;
  const value = (token: JsonToken, content: string | undefined): unknown => {
    if (token === 'string') return content;
    if (token === 'other') return JSON.parse(content!) as unknown;
    const isArray = token === '[';
    if (!isArray && token !== '{') {
      failed = true;
      return undefined;
    }
    const items: unknown[] = [];
    const members: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (;;) {
      const [next, name] = read.next().value!;
      if (next === ']' || next === '}') return isArray ? items : members;
      if (next === 'fault') {
        failed = true;
        return undefined;
      }
      if (isArray) items.push(value(next, name));
      else members[name!] = value(...read.next().value!);
      if (failed) return undefined;
    }
  };
  const result = value(...read.next().value!);
  return failed || read.next().value![0] !== 'end' ? undefined : result;
}

/** Without prototypes, as `parsed` makes them. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (value === null || typeof value !== 'object') return value;
  return Object.assign(
    Object.create(null) as object,
    Object.fromEntries(Object.entries(value).map(([k, v]) => [k, bare(v)])),
  );
}

t.test('every member, as it is written out', async t => {
  t.strictSame(tokens(' {"a": [1, "é\\n", {}], "\\u0061":null , "a":-1.5e3}\n'), [
    ['{'],
    ['name', 'a'],
    ['['],
    ['other', '1'],
    ['string', 'é\n'],
    ['{'],
    ['}'],
    [']'],
    ['name', 'a'],
    ['other', 'null'],
    ['name', 'a'],
    ['other', '-1.5e3'],
    ['}'],
    ['end'],
  ]);
});

t.test('depth and places', async t => {
  const text = '{"a":[{"b":"c"}]}';
  const reader = new JsonReader(Buffer.from(text), 3);
  const depths: number[] = [];
  const pieces: string[] = [];
  for (let token = reader.next(); token !== 'end'; token = reader.next()) {
    depths.push(reader.depth);
    pieces.push(text.slice(reader.start, reader.end));
  }
  t.strictSame(depths, [1, 1, 2, 3, 3, 3, 2, 1, 0]);
  t.strictSame(pieces, ['{', '"a"', '[', '{', '"b"', '"c"', '}', ']', '}']);
  t.strictSame(tokens(text, 2).at(-1), ['fault'], 'no deeper than allowed');
});

t.test('what is not one JSON text', async t => {
  const bad = [
    '',
    ' ',
    '{',
    '[',
    '{}{}',
    '{},',
    '[1,]',
    '{"a":1,}',
    '{"a"}',
    '{"a" 1}',
    '{a:1}',
    "{'a':1}",
    '{,}',
  ];
  bad.push(
    '\ufeff{}',
    '{"a":"\t"}',
    '{"a":"\n"}',
    '{"a":"\u0000"}',
    '{}\u0000',
    '\u00a0{}',
    '{}//x',
    '/**/{}',
  );
  bad.push(
    '01',
    '-',
    '1.',
    '.5',
    '+1',
    '1e',
    'NaN',
    'Infinity',
    'True',
    'nul',
    'nulll',
    '0x10',
    '"',
    '"\\',
    '"\\"',
  );
  bad.push(
    '"\\x41"',
    '"\\u12"',
    '"\\u12g4"',
    '[1}',
    '{"a":1]',
    ']',
    '}',
    ':',
    '"a":1',
    '{"a"::1}',
    '[1 2]',
    '[,1]',
  );
  for (const text of bad) t.strictSame(tokens(text).at(-1), ['fault'], text);
});

t.test('a fault stays', async t => {
  const reader = new JsonReader(Buffer.from('{"a" "b":1}'), 8);
  t.equal(reader.next(), '{');
  for (let i = 0; i < 5; i++) t.equal(reader.next(), 'fault');
});

t.test('any text: a fault just where JSON.parse throws, and else the same value', async t => {
  const scraps = fc.string({
    unit: fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      'a',
      '1',
      '-',
      '.',
      'e',
      '\\',
      'u',
      '0',
      ' ',
      '\t',
      'null',
    ),
    maxLength: 12,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        jsonText,
        scraps,
        fc.tuple(jsonText, scraps).map(([a, b]) => a + b),
      ),
      text => {
        let expected: unknown;
        try {
          expected = bare(JSON.parse(text));
        } catch {
          expected = undefined;
        }
        // JSON.parse knows a minus zero; nobody minds.
        return isDeepStrictEqual(JSON.stringify(parsed(text)), JSON.stringify(expected));
      },
    ),
    { numRuns: 10_000 },
  );
  t.pass('held');
});

t.test('any text with repeated names: all of them, the last value standing', async t => {
  fc.assert(
    fc.property(
      repeatingJson,
      ({ text, value }) => JSON.stringify(parsed(text)) === JSON.stringify(bare(value)),
    ),
    { numRuns: 3000 },
  );
  t.pass('held');
});
