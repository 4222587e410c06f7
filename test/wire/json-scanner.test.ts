import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { JsonScanner, type JsonScannerOptions, PointerSet } from '../../lib/wire/index.ts';
import { jsonText, lookup, pointer, repeatingJson } from './json-text.ts';
import { cut, pieces, splits } from './splits.ts';

interface Reading {
  documents: unknown[][];
  broken: boolean;
  overflowed: boolean;
}

/** Feeds the parts one by one; each in memory of its own, so nothing can read past a part. */
function read(parts: readonly Buffer[], pointers: readonly string[], options?: JsonScannerOptions): Reading {
  const documents: unknown[][] = [];
  const scanner = new JsonScanner(
    new PointerSet(pointers),
    { document: values => documents.push([...values]) },
    options,
  );
  for (const part of parts) {
    // Foreign bytes around the part: a scanner that looks past its bounds shows itself.
    const framed = Buffer.concat([Buffer.from('"}]'), part, Buffer.from('"}]\n')]);
    scanner.write(framed, 3, 3 + part.length);
  }
  scanner.endDocument();
  return { documents, broken: scanner.broken, overflowed: scanner.overflowed };
}

interface Case {
  name: string;
  text: string | Buffer;
  pointers: string[];
  options?: JsonScannerOptions;
  documents: unknown[][];
  broken?: boolean;
  overflowed?: boolean;
}

const cases: Case[] = [
  {
    name: 'values at several depths, and nothing for what is absent',
    text: '{"id":"x","model":"m-1","usage":{"in":12,"out":{"n":3}},"choices":[{"end":"stop"},{"end":"len"}]}',
    pointers: ['/model', '/usage/in', '/usage/out', '/choices/0/end', '/choices/1/end', '/none', '/id/none'],
    documents: [['m-1', 12, { n: 3 }, 'stop', 'len', undefined, undefined]],
  },
  {
    name: 'pointers that overlap or repeat',
    text: '{"usage":{"cost":1.5,"x":[1,2]}}',
    pointers: ['', '/usage', '/usage/cost', '/usage/x', '/usage/x/1', '/usage/x/-/#', '/usage'],
    documents: [
      [
        { usage: { cost: 1.5, x: [1, 2] } },
        { cost: 1.5, x: [1, 2] },
        1.5,
        [1, 2],
        2,
        2,
        { cost: 1.5, x: [1, 2] },
      ],
    ],
  },
  {
    name: 'the last of repeated keys wins, with all that hung on it',
    text: '{"usage":{"in":1,"out":2},"usage":{"out":3},"n":[1,2],"n":7,"s":"a","s":null}',
    pointers: ['/usage/in', '/usage/out', '/n/-/#', '/n/0', '/n', '/s'],
    documents: [[undefined, 3, undefined, undefined, 7, null]],
  },
  {
    name: 'escaped keys, and text that only looks like structure',
    text: '{"mod\\u0065l":"a\\"b\\\\","a/b":{"~":1},"x":"\\\\\\"usage\\":{","\\ud83d\\ude00":2,"é":3,"usage":4}',
    pointers: ['/model', '/a~1b/~0', '/😀', '/é', '/usage'],
    documents: [['a"b\\', 1, 2, 3, 4]],
  },
  {
    name: 'numbers, literals and strings keep their value',
    text: '{"a":0,"b":-0,"c":123456789012345678,"d":1e3,"e":true,"f":false,"g":null,"h":"\\u00e9é","i":""}',
    pointers: ['/a', '/b', '/c', '/d', '/e', '/f', '/g', '/h', '/i'],
    documents: [[0, -0, Number('123456789012345678'), 1000, true, false, null, 'éé', '']],
  },
  {
    name: 'a string equal in bytes to another string is not the same where it was escaped',
    text: '{"m":"\\\\n"}{"m":"\\n"}{"m":"ab"}{"m":"ab"}{"m":"a\\u0062"}',
    pointers: ['/m'],
    documents: [['\\n'], ['\n'], ['ab'], ['ab'], ['ab']],
  },
  {
    name: 'a byte order mark, white space, and texts one after another',
    text: '\ufeff \r\n{"a":1}{"a":2}\n\n{"a":3}\t"s" 12 null [1]true',
    pointers: ['', '/a'],
    documents: [
      [{ a: 1 }, 1],
      [{ a: 2 }, 2],
      [{ a: 3 }, 3],
      ['s', undefined],
      [12, undefined],
      [null, undefined],
      [[1], undefined],
      [true, undefined],
    ],
  },
  {
    name: 'counts arrays and nothing else',
    text: '{"data":[],"e":[1],"o":{"-":{"#":9}},"d":[[1,2,3],"],[",{"x":[1]}]}',
    pointers: ['/data/-/#', '/e/-/#', '/o/-/#', '/d/-/#', '/d/0/-/#', '/none/-/#'],
    documents: [[0, 1, undefined, 3, 3, undefined]],
  },
  {
    name: 'elements of a root array are documents where asked for',
    text: '[{"a":1},\n{"a":[2]} , 7,[[8]],{"a":3}]\n[]{"a":4}',
    pointers: ['/a', ''],
    options: { unrollRootArray: true },
    documents: [
      [1, { a: 1 }],
      [[2], { a: [2] }],
      [undefined, 7],
      [undefined, [[8]]],
      [3, { a: 3 }],
      [4, { a: 4 }],
    ],
  },
  {
    name: 'a root array stays whole otherwise',
    text: '[{"a":1},{"a":2}]',
    pointers: ['/1/a', '/-/#'],
    documents: [[2, 2]],
  },
  {
    name: 'elements that were complete stand, the half one is discarded',
    text: '[{"a":1},{"a":2},{"a":3',
    pointers: ['/a'],
    options: { unrollRootArray: true },
    documents: [[1], [2]],
  },
  { name: 'half an object is no truth', text: '{"a":1,"b":{"c":2}', pointers: ['/a', '/b/c'], documents: [] },
  {
    name: 'half a root array too',
    text: '[1,23',
    pointers: [''],
    options: { unrollRootArray: true },
    documents: [[1]],
  },
  {
    name: 'a line that is malformed loses itself only',
    text: '{"a":1}\n{"a":2,,}\n{"a":3}\n{"a":"cut\n{"a":4}\n{"a":5}\n',
    pointers: ['/a'],
    documents: [[1], [3], [5]].slice(0, 2).concat([[4], [5]]),
    broken: true,
  },
  {
    name: 'an indented line after malformed text is not a document',
    text: '{"x":!,\n  "list": [\n    {"a":1},\n 2]\n}\n{"a":2}',
    pointers: ['/a'],
    documents: [[2]],
    broken: true,
  },
  {
    name: 'a wanted value that is no JSON',
    text: '{"a":tru}\n{"a":01}\n[1]',
    pointers: ['/a'],
    documents: [[undefined]],
    broken: true,
  },
  { name: 'a raw tab in a wanted string', text: '{"a":"\t"}', pointers: ['/a'], documents: [], broken: true },
  { name: 'a bad escape in a key', text: '{"\\x":1}', pointers: ['/a'], documents: [], broken: true },
  { name: 'a line feed in a key', text: '{"k\n":1}', pointers: ['/a'], documents: [], broken: true },
  { name: 'an escaped line feed', text: '{"k":"\\\n"}', pointers: ['/a'], documents: [], broken: true },
  { name: 'no colon', text: '{"a" 1}', pointers: ['/a'], documents: [], broken: true },
  { name: 'no comma', text: '{"a":1 "b":2}', pointers: ['/a'], documents: [], broken: true },
  { name: 'the wrong bracket', text: '{"a":{"b":1]}', pointers: ['/a/b'], documents: [], broken: true },
  { name: 'a comma before the end', text: '{"a":[1,]}', pointers: ['/a/-/#'], documents: [], broken: true },
  {
    name: 'a comma before the end of a root array',
    text: '[1,]',
    pointers: [''],
    options: { unrollRootArray: true },
    documents: [[1]],
    broken: true,
  },
  { name: 'no key', text: '{1:2}', pointers: ['/a'], documents: [], broken: true },
  { name: 'text', text: 'hello', pointers: [''], documents: [], broken: true },
  {
    name: 'half a byte order mark',
    text: Buffer.from([0xef, 0xbb, 0x7b, 0x7d]),
    pointers: [''],
    documents: [],
    broken: true,
  },
  {
    name: 'a value past the limit is dropped, those inside and beside it are not',
    text: `{"u":{"a":1,"pad":"${'x'.repeat(40)}","b":"yes"},"c":2}`,
    pointers: ['', '/u', '/u/a', '/u/b', '/c'],
    options: { candidateBytes: 20 },
    documents: [[undefined, undefined, 1, 'yes', 2]],
    overflowed: true,
  },
  {
    name: 'the limit is for one document',
    text: '{"a":"0123456789"}{"a":"0123456789","b":"0123456789"}{"a":"0123456789"}',
    pointers: ['/a', '/b'],
    options: { candidateBytes: 12 },
    documents: [
      ['0123456789', undefined],
      ['0123456789', undefined],
      ['0123456789', undefined],
    ],
    overflowed: true,
  },
  {
    name: 'long strings with escapes everywhere',
    text: `{"skip":"${'a'.repeat(60)}\\\\\\"${'b'.repeat(33)}\\\\","deep":{"x":["${'c'.repeat(80)}\\\\\\\\","${'\\\\'.repeat(30)}"]},"a":"${'é'.repeat(40)}"}`,
    pointers: ['/a'],
    documents: [['é'.repeat(40)]],
  },
  {
    name: 'a key longer than any wanted one',
    text: `{"${'k'.repeat(90)}":1,"${'\\u006b'.repeat(9)}":2,"k":3}`,
    pointers: ['/k'],
    documents: [[3]],
  },
];

for (const c of cases) {
  t.test(c.name, async t => {
    const bytes = typeof c.text === 'string' ? Buffer.from(c.text) : c.text;
    for (const parts of splits(bytes)) {
      const got = read(parts, c.pointers, c.options);
      const expected = {
        documents: c.documents,
        broken: c.broken ?? false,
        overflowed: c.overflowed ?? false,
      };
      if (!isDeepStrictEqual(got, expected)) {
        t.strictSame(got, expected, `parts of ${parts.map(part => part.length).join(', ')} bytes`);
        return;
      }
    }
    t.pass('in every split');
  });
}

t.test('any text and any pointers, in any split: as JSON.parse and a look-up', async t => {
  fc.assert(
    fc.property(
      jsonText,
      fc.array(pointer, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (text, pointers, points) => {
        const document: unknown = JSON.parse(text);
        const got = read(cut(Buffer.from(text), points), pointers);
        const expected = [pointers.map(one => lookup(document, one))];
        return isDeepStrictEqual(got, { documents: expected, broken: false, overflowed: false });
      },
    ),
    { numRuns: 4000 },
  );
  t.pass('held');
});

t.test('repeated names: the last one, with all below it', async t => {
  fc.assert(
    fc.property(
      repeatingJson,
      fc.array(pointer, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (json, pointers, points) => {
        const got = read(cut(Buffer.from(json.text), points), pointers);
        return isDeepStrictEqual(got.documents, [pointers.map(one => lookup(json.value, one))]);
      },
    ),
    { numRuns: 4000 },
  );
  t.pass('held');
});

t.test('several texts one after another, each line its own', async t => {
  fc.assert(
    fc.property(
      fc.array(jsonText, { maxLength: 5 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (texts, points) => {
        const bytes = Buffer.from(texts.map(text => `${text}\n`).join(''));
        const got = read(cut(bytes, points), ['', '/a', '/usage']);
        const expected = texts.map(text => ['', '/a', '/usage'].map(one => lookup(JSON.parse(text), one)));
        return isDeepStrictEqual(got.documents, expected);
      },
    ),
    { numRuns: 1000 },
  );
  t.pass('held');
});

t.test('elements of a root array, cut anywhere: the complete ones', async t => {
  fc.assert(
    fc.property(fc.array(jsonText, { maxLength: 5 }), fc.nat(), fc.nat(), (texts, point, length) => {
      const bytes = Buffer.from(`[${texts.join(',')}]`);
      const kept = length % (bytes.length + 1);
      const got = read(cut(bytes.subarray(0, kept), [point]), [''], { unrollRootArray: true });
      let end = 1;
      const complete: unknown[] = [];
      for (const text of texts) {
        end += Buffer.byteLength(text);
        // A number is complete only once something follows it.
        const needed = /[}\]"]$/.test(text.trimEnd())
          ? end - (text.length - text.trimEnd().length)
          : end - (text.length - text.trimEnd().length) + 1;
        if (kept >= needed) complete.push(JSON.parse(text));
        end += 1;
      }
      return isDeepStrictEqual(
        got.documents.map(values => values[0]),
        complete,
      );
    }),
    { numRuns: 1000 },
  );
  t.pass('held');
});

t.test('any bytes at all: never a throw, and the same in every split', async t => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '1', 'a', 't', '\n', ' '),
      maxLength: 40,
    }),
  );
  fc.assert(
    fc.property(
      noise,
      jsonText,
      fc.array(fc.nat(), { maxLength: 8 }),
      fc.boolean(),
      (junk, text, points, unrollRootArray) => {
        const bytes = Buffer.concat([
          Buffer.from(junk as string),
          Buffer.from(text),
          Buffer.from(junk as string),
        ]);
        const pointers = ['', '/a', '/usage/0', '/a/-/#'];
        const options = { unrollRootArray, candidateBytes: 30 };
        return isDeepStrictEqual(
          read(cut(bytes, points), pointers, options),
          read([bytes], pointers, options),
        );
      },
    ),
    { numRuns: 3000 },
  );
  t.pass('held');
});

t.test('five million brackets deep, and back', async t => {
  const depth = 5_000_000;
  for (const pointers of [['/a/b/0/0'], ['/b'], ['/0/0/0/a']]) {
    const scanner = new JsonScanner(new PointerSet(pointers), {
      document: () => t.fail('nothing is complete'),
    });
    const deep = Buffer.alloc(depth, '[');
    for (const part of pieces(deep, 65_536)) scanner.write(part);
    scanner.endDocument();
  }
  const text = Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)},"b":1}`);
  t.strictSame(read(pieces(text, 65_536), ['/b', '/a']), {
    documents: [[1, undefined]],
    broken: false,
    overflowed: true,
  });
});
