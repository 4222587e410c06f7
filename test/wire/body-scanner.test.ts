import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { type BodyFraming, BodyScanner, PointerSet, scannable } from '../../lib/wire/index.ts';
import { encodeEvent } from './event-stream-encoder.ts';
import { type Given, readBody } from './read-body.ts';
import { pieces, splits } from './splits.ts';

const frame = encodeEvent('metadata', '{"a":1}');

interface Case {
  name: string;
  type: string | null;
  body: string | Buffer;
  framing: BodyFraming;
  given: Given[];
}

function documents(...all: unknown[]): Given[] {
  return all.map(a => ({ values: [a], event: null }));
}

const cases: Case[] = [
  { name: 'JSON', type: 'application/json', body: '{"a":1}', framing: 'json', given: documents(1) },
  {
    name: 'JSON as octets',
    type: 'application/octet-stream',
    body: ' {"a":1}',
    framing: 'json',
    given: documents(1),
  },
  { name: 'JSON without a type', type: null, body: '\ufeff{"a":1}', framing: 'json', given: documents(1) },
  {
    name: 'JSON after blank lines',
    type: 'application/json',
    body: '\n\n\r\n \t{"a":1}\n',
    framing: 'json',
    given: documents(1),
  },
  {
    name: 'JSON of a stream',
    type: 'text/event-stream',
    body: '\n{"a":"error"}',
    framing: 'json',
    given: documents('error'),
  },
  {
    name: 'JSON of an event stream',
    type: 'application/vnd.amazon.eventstream',
    body: '{"a":1}',
    framing: 'json',
    given: documents(1),
  },
  {
    name: 'lines of JSON as JSON',
    type: 'application/json; charset=utf-8',
    body: '{"a":1}\n{"a":2}\r\n{"a":3}',
    framing: 'json',
    given: documents(1, 2, 3),
  },
  {
    name: 'an array of documents',
    type: 'application/json',
    body: '[{"a":1},\r\n{"a":2}\n]',
    framing: 'json',
    given: documents(1, 2),
  },
  {
    name: 'events',
    type: 'Text/Event-Stream',
    body: 'foo: x\ndata: {"a":1}\n\n',
    framing: 'sse',
    given: documents(1),
  },
  {
    name: 'events after blank lines and a mark',
    type: 'text/event-stream',
    body: '\ufeff\n\r\n\ndata: {"a":1}\n\n',
    framing: 'sse',
    given: documents(1),
  },
  {
    name: 'an indented line is no data',
    type: 'text/event-stream',
    body: '\n\n data: {"a":0}\ndata: {"a":1}\n\n',
    framing: 'sse',
    given: documents(1),
  },
  {
    name: 'events as JSON',
    type: 'application/json',
    body: 'data: {"a":1}\n\n',
    framing: 'sse',
    given: documents(1),
  },
  {
    name: 'a comment as text',
    type: 'text/plain',
    body: ': hi\n\ndata: {"a":1}\n\n',
    framing: 'sse',
    given: documents(1),
  },
  { name: 'a bare field', type: null, body: 'id\r\ndata: {"a":1}\n\n', framing: 'sse', given: documents(1) },
  { name: 'a retry', type: null, body: '\nretry: 5\ndata: {"a":1}\n\n', framing: 'sse', given: documents(1) },
  {
    name: 'an event name',
    type: null,
    body: 'event: e\ndata: {"a":1}\n\n',
    framing: 'sse',
    given: [{ values: [1], event: 'e' }],
  },
  {
    name: 'words like fields',
    type: 'text/plain',
    body: 'database: {"a":1}\n\n',
    framing: 'none',
    given: [],
  },
  { name: 'an indented field', type: 'text/plain', body: ' data: {"a":1}\n\n', framing: 'none', given: [] },
  { name: 'a page', type: 'text/html', body: '<html>{"a":1}</html>', framing: 'none', given: [] },
  {
    name: 'messages',
    type: 'application/vnd.amazon.eventstream',
    body: frame,
    framing: 'eventStream',
    given: [{ values: [1], event: 'metadata' }],
  },
  {
    name: 'messages as octets',
    type: 'application/octet-stream',
    body: frame,
    framing: 'eventStream',
    given: [{ values: [1], event: 'metadata' }],
  },
  { name: 'zeros', type: 'application/octet-stream', body: Buffer.alloc(40), framing: 'none', given: [] },
  { name: 'half a prelude', type: null, body: frame.subarray(0, 11), framing: 'unknown', given: [] },
  { name: 'half a field', type: null, body: 'dat', framing: 'unknown', given: [] },
  { name: 'nothing', type: 'application/json', body: '', framing: 'unknown', given: [] },
  { name: 'white space', type: 'application/json', body: ' \n\n', framing: 'unknown', given: [] },
  { name: 'sound', type: 'audio/mpeg', body: '{"a":1}', framing: 'none', given: [] },
];

for (const c of cases) {
  t.test(c.name, async t => {
    const bytes = typeof c.body === 'string' ? Buffer.from(c.body) : c.body;
    for (const parts of splits(bytes)) {
      const got = readBody(parts, ['/a'], c.type);
      if (!isDeepStrictEqual(got, { given: c.given, framing: c.framing, state: 'ok' })) {
        t.strictSame(got, { given: c.given, framing: c.framing, state: 'ok' }, `${parts.length} parts`);
        return;
      }
    }
    t.pass('in every split');
  });
}

t.test('which bodies can be read', async t => {
  for (const type of [
    null,
    'application/json',
    'text/event-stream; charset=utf-8',
    'application/octet-stream',
    '',
  ]) {
    for (const coding of [null, '', 'identity', 'gzip', ' X-GZIP ', 'br', 'zstd', 'deflate']) {
      t.equal(scannable(type, coding), true, `${type} ${coding}`);
    }
    for (const coding of ['gzip, gzip', 'gzip,br', 'compress', 'aes128gcm', 'gzip;q=1', '__proto__']) {
      t.equal(scannable(type, coding), false, `${type} ${coding}`);
    }
  }
  for (const type of ['audio/mpeg', 'Image/PNG', ' video/mp4; codecs=x', 'font/woff2']) {
    t.equal(scannable(type, null), false, type);
  }
});

t.test('a coding that is unknown or a list is given up at once', async t => {
  for (const contentEncoding of ['compress', 'gzip, gzip']) {
    const scanner = new BodyScanner({
      pointers: new PointerSet(['/a']),
      sink: { document: () => t.fail('nothing can be read'), text: () => t.fail('nothing can be read') },
      contentType: 'application/json',
      contentEncoding,
    });
    t.equal(scanner.write(Buffer.from('{"a":1}')), true);
    let state = '';
    scanner.end(end => {
      state = end;
    });
    t.equal(state, 'gaveUp');
  }
});

t.test('an exception of the sink reaches who writes', async t => {
  const scanner = new BodyScanner({
    pointers: new PointerSet(['/a']),
    sink: {
      document: () => {
        throw new Error('from the sink');
      },
      text: () => undefined,
    },
    contentType: null,
    contentEncoding: null,
  });
  t.throws(() => scanner.write(Buffer.from('{"a":1}')), { message: 'from the sink' });
});

t.test('the numbers of a provider are left as they are', async t => {
  const text = '{"a":{"x":-1,"y":1e308,"z":"NaN","w":{"$gt":0},"v":9007199254740993}}';
  const [first] = readBody([Buffer.from(text)], ['/a', '/a/x', '/a/z', '/usage'], null).given;
  t.strictSame(first, { values: [JSON.parse(text).a, -1, 'NaN', undefined], event: null });
});

t.test('usage inside the text of an answer is not usage', async t => {
  const inner = JSON.stringify({ usage: { tokens: 999 } });
  const text = JSON.stringify({ content: inner, parts: [{ usage: { tokens: 998 } }], usage: { tokens: 5 } });
  t.strictSame(readBody([Buffer.from(text)], ['/usage/tokens']).given, documents(5));
});

/** Memory that stays after a body of these parts was read. */
function growth(
  parts: Iterable<Buffer>,
  pointers: string[],
  type: string,
): { given: Given[]; bytes: number } {
  global.gc?.();
  const before = process.memoryUsage().rss;
  let most = before;
  function* watched(): Generator<Buffer> {
    let count = 0;
    for (const part of parts) {
      yield part;
      if (++count % 64 === 0) most = Math.max(most, process.memoryUsage().rss);
    }
  }
  const given: Given[] = [];
  const scanner = new BodyScanner({
    pointers: new PointerSet(pointers),
    sink: {
      document: (values, event) => given.push({ values: [...values], event }),
      text: text => given.push({ text }),
    },
    contentType: type,
    contentEncoding: null,
  });
  for (const part of watched()) scanner.write(part);
  scanner.end(() => undefined);
  return { given, bytes: Math.max(most, process.memoryUsage().rss) - before };
}

function* repeated(head: string, piece: Buffer, count: number, tail: string): Generator<Buffer> {
  yield Buffer.from(head);
  for (let i = 0; i < count; i++) yield piece;
  yield Buffer.from(tail);
}

const MEGABYTE = 1024 * 1024;

t.test('a hundred megabytes stream through in flat memory', async t => {
  const numbers = Buffer.from(`${'0.01234567,-0.7654321,'.repeat(3000)}1,`);
  const count = Math.ceil((100 * MEGABYTE) / numbers.length);
  const embeddings = repeated('{"data":[{"embedding":[', numbers, count, '1]},{}],"usage":{"n":7}}');
  const first = growth(embeddings, ['/usage/n', '/data/-/#', '/data'], 'application/json');
  t.strictSame(first.given, [{ values: [7, 2, undefined], event: null }]);
  t.ok(first.bytes < 64 * MEGABYTE, `${first.bytes} bytes`);

  const base64 = Buffer.alloc(65_536, 'QUJD');
  const image = repeated('{"data":[{"b64_json":"', base64, 1600, '\\\\"}],"usage":{"n":8}}');
  const second = growth(image, ['/usage/n', '/data/-/#', '/data/0/b64_json'], 'application/json');
  t.strictSame(second.given, [{ values: [8, 1, undefined], event: null }]);
  t.ok(second.bytes < 64 * MEGABYTE, `${second.bytes} bytes`);

  const line = repeated('data: ', base64, 1600, '\n\ndata: {"usage":{"n":9}}\n\n');
  const third = growth(line, ['/usage/n'], 'text/event-stream');
  t.strictSame(third.given, [{ text: base64.toString('latin1', 0, 64) }, { values: [9], event: null }]);
  t.ok(third.bytes < 64 * MEGABYTE, `${third.bytes} bytes`);
});

t.test('five million brackets, and a key of a hundred megabytes', async t => {
  const deep = Buffer.from(`data: ${'['.repeat(5_000_000)}\n\ndata: {"a":1}\n\n`);
  const { given } = readBody(pieces(deep, 65_536), ['/a', '/0/0/a'], 'text/event-stream');
  t.strictSame(given, [{ values: [1, undefined], event: null }]);
  const key = Buffer.alloc(65_536, 'k');
  const long = growth(repeated('{"', key, 1600, '":1,"a":2}'), ['/a'], 'application/json');
  t.strictSame(long.given, documents(2));
  t.ok(long.bytes < 64 * MEGABYTE, `${long.bytes} bytes`);
});
