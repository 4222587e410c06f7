import { isDeepStrictEqual } from 'node:util';
import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import t from 'tap';
import { JsonScanner, PointerSet } from '../../lib/wire/index.ts';
import { jsonContainerText, lookup } from './json-text.ts';
import { type Given, readBody } from './read-body.ts';
import { cut, splits } from './splits.ts';

const SSE = 'text/event-stream; charset=utf-8';

/** What the reference parser makes of a body, each event's data being read as a text by itself. */
function reference(body: Buffer, pointers: readonly string[]): Given[] {
  const given: Given[] = [];
  const parser = createParser({
    onEvent: ({ data, event }) => {
      if (!/^\s*(?:\{|\[(?!D))/.test(data)) {
        given.push({ text: Buffer.from(data).subarray(0, 64).toString() });
        return;
      }
      const name = event === undefined || event === '' ? null : event;
      for (const values of documentsOf(data, pointers)) given.push({ values, event: name });
    },
  });
  parser.feed(new TextDecoder('utf-8', { ignoreBOM: true }).decode(body));
  return given;
}

/** The documents of a text up to where it is malformed, by JSON.parse where it is one text. */
function documentsOf(data: string, pointers: readonly string[]): unknown[][] {
  try {
    const value: unknown = JSON.parse(data);
    const documents = Array.isArray(value) ? value : [value];
    return documents.map(document => pointers.map(pointer => lookup(document, pointer)));
  } catch {
    const documents: unknown[][] = [];
    const sink = { document: (values: readonly unknown[]) => documents.push([...values]) };
    const scanner = new JsonScanner(new PointerSet(pointers), sink, { unrollRootArray: true });
    for (const part of data.split(/(?<=\n)/)) if (!scanner.broken) scanner.write(Buffer.from(part));
    scanner.endDocument();
    return documents;
  }
}

interface Case {
  name: string;
  body: string | Buffer;
  given: Given[];
}

function named(event: string | null, a: unknown): Given {
  return { values: [a], event };
}

const cases: Case[] = [
  {
    name: 'events as chat streams send them',
    body: 'data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n',
    given: [named(null, 1), named(null, 2), { text: '[DONE]' }],
  },
  {
    name: 'names, before the data or after it, and only for their event',
    body: 'event: one\ndata: {"a":1}\n\ndata: {"a":2}\nevent: two\n\ndata: {"a":3}\n\nevent: lost\n\ndata: {"a":4}\n\n',
    given: [named('one', 1), named('two', 2), named(null, 3), named(null, 4)],
  },
  {
    name: 'the last of several names, an empty one is none',
    body: 'event: x\nevent: y\ndata: {"a":1}\n\nevent: x\nevent\ndata: {"a":2}\n\nevent:z\ndata: {"a":3}\n\n',
    given: [named('y', 1), named(null, 2), named('z', 3)],
  },
  {
    name: 'every line end, mixed',
    body: 'data: {"a":1}\r\n\r\ndata: {"a":2}\r\rdata: {"a":3}\n\rdata: {"a":4}\n\r\n\r\ndata: {"a":5}\r\n\n',
    given: [1, 2, 3, 4, 5].map(a => named(null, a)),
  },
  {
    name: 'a byte order mark, comments, other fields, no space or two after the colon',
    body: '\ufeff: hello\n:\nid: 7\nretry: 10\nfoo: bar\ndatabase: {"a":0}\nDATA: {"a":0}\ndata:{"a":1}\n\ndata:  {"a":2}\n data: {"a":0}\n\n',
    given: [named(null, 1), named(null, 2)],
  },
  {
    name: 'data over several lines',
    body: 'data: {"a":\ndata\ndata: [1,\ndata:2]\ndata: }\n\ndata: {"a":"x\ndata: y"}\n\ndata:\n\ndata\ndata\n\n',
    given: [named(null, [1, 2]), { text: '' }, { text: '\n' }],
  },
  {
    name: 'what is malformed is lost for its own event only',
    body: 'data: {"a":1}\n\ndata: {"a":2,}\n\ndata: {"a":3}\n\ndata: {"a":"x\n\ndata: [1,\n\ndata: {"a":4}\n\n',
    given: [named(null, 1), named(null, 3), named(null, undefined), named(null, 4)],
  },
  {
    name: 'text: at most 64 bytes of it',
    body: `data: ${'é'.repeat(50)}\n\ndata: [DONE]\n\ndata: [D\n\ndata: null\n\ndata: hello\ndata: {"a":1}\n\n`,
    given: [
      { text: 'é'.repeat(32) },
      { text: '[DONE]' },
      { text: '[D' },
      { text: 'null' },
      { text: 'hello\n{"a":1}' },
    ],
  },
  {
    name: 'multi-byte characters in names and data',
    body: 'event: größe\ndata: {"a":"日本 😀"}\n\n',
    given: [named('größe', '日本 😀')],
  },
  {
    name: 'the last event counts without its blank line, if its document is complete',
    body: 'data: {"a":1}\n\nevent: end\ndata: {"a":2}',
    given: [named(null, 1), named('end', 2)],
  },
  { name: 'a cut document does not', body: 'data: {"a":1}\n\ndata: {"a":2,"b":', given: [named(null, 1)] },
  {
    name: 'the last text does too',
    body: 'data: {"a":1}\n\ndata: [DONE]',
    given: [named(null, 1), { text: '[DONE]' }],
  },
  { name: 'a cut name does not', body: 'data: {"a":1}\nevent: cont', given: [named(null, 1)] },
  {
    name: 'elements of an array are documents',
    body: 'event: e\ndata: [{"a":1},{"a":2}]\n\n',
    given: [named('e', 1), named('e', 2)],
  },
  { name: 'nothing', body: '\n\n\r\n: keep-alive\n\n', given: [] },
];

for (const c of cases) {
  t.test(c.name, async t => {
    const bytes = typeof c.body === 'string' ? Buffer.from(c.body) : c.body;
    for (const parts of splits(bytes)) {
      const got = readBody(parts, ['/a'], SSE);
      if (!isDeepStrictEqual(got, { given: c.given, framing: got.framing, state: 'ok' })) {
        t.strictSame(got.given, c.given, `parts of ${parts.map(part => part.length).join(', ')} bytes`);
        return;
      }
    }
    t.pass('in every split');
  });
}

t.test('names longer than any known one are cut', async t => {
  const { given } = readBody([Buffer.from(`event: ${'n'.repeat(500)}\ndata: {"a":1}\n\n`)], ['/a'], SSE);
  t.strictSame(given, [named('n'.repeat(128), 1)]);
});

t.test('an event of very many documents does not pile them up', async t => {
  const { given } = readBody(
    [Buffer.from(`data: [${'{"a":1},'.repeat(5000)}{"a":2}]\n\ndata: {"a":3}\n\n`)],
    ['/a'],
    SSE,
  );
  t.equal(given.length, 17);
  t.strictSame(given.at(-1), named(null, 3));
});

t.test('a million data lines in one event', async t => {
  const body = Buffer.from(`data: {"x":[\n${'data: 1,\n'.repeat(1_000_000)}data: 1],\ndata: "a":7}\n\n`);
  t.strictSame(readBody(cut(body, [1_000_001, 3_000_000]), ['/a'], SSE).given, [named(null, 7)]);
});

const line = fc.oneof(
  {
    weight: 5,
    arbitrary: jsonContainerText.map(text => text.split(/\r\n|\r|\n/).map(part => `data: ${part}`)),
  },
  fc
    .constantFrom(
      'event: message_stop',
      'event:x',
      'event',
      ': note',
      ':',
      'id: 1',
      'retry: 5',
      'data: [DONE]',
      'data',
      'data:',
      'data: x',
      'data:  y',
      'other: z',
      ' data: q',
      'data: {"a":',
    )
    .map(text => [text]),
  fc
    .string({ unit: fc.constantFrom('d', 'a', 't', ':', ' ', 'é', '😀', '{', '[', '\u0000'), maxLength: 12 })
    .map(text => [text]),
  { weight: 4, arbitrary: fc.constant(['']) },
);

t.test('any stream in any split: as eventsource-parser and JSON.parse read it', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.boolean(),
      (lines, points, marked) => {
        const text = lines.map(([parts, end]) => parts.map(part => part + end).join('')).join('');
        // A body that begins with a brace is JSON by rule, whatever its type.
        if (/^[\s\ufeff]*[{[]/.test(text)) return true;
        const body = Buffer.from(`${marked ? '\ufeff' : ''}${text}\n\n`);
        const pointers = ['', '/a', '/usage', '/0/-/#'];
        const got = readBody(cut(body, points), pointers, SSE).given;
        return isDeepStrictEqual(got, reference(body, pointers));
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('held');
});
