import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { encodeEvent, encodeMessage, stringHeader } from './event-stream-encoder.ts';
import { jsonContainerText, lookup } from './json-text.ts';
import { type Given, readBody } from './read-body.ts';
import { cut, pieces, splits } from './splits.ts';

const TYPE = 'application/vnd.amazon.eventstream';

function given(event: string | null, a: unknown): Given {
  return { values: [a], event };
}

function base64(text: string): string {
  return JSON.stringify({ bytes: Buffer.from(text).toString('base64'), p: 'abc' });
}

/** The message with one byte changed. */
function flipped(message: Buffer, at: number): Buffer {
  const copy = Buffer.from(message);
  copy[at]! ^= 1;
  return copy;
}

/** With the prelude's checksum made right again. */
function withPrelude(message: Buffer, totalBytes: number, headerBytes: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt32BE(totalBytes, 0);
  copy.writeUInt32BE(headerBytes, 4);
  copy.writeUInt32BE(crc32(copy.subarray(0, 8)), 8);
  return copy;
}

const one = encodeEvent('messageStart', '{"a":1}');
const two = encodeEvent('metadata', '{"a":{"in":2}}');
const everyType = encodeMessage(
  [
    { name: 't', type: 0, value: Buffer.alloc(0) },
    { name: 'f', type: 1, value: Buffer.alloc(0) },
    { name: 'byte', type: 2, value: Buffer.alloc(1) },
    { name: 'short', type: 3, value: Buffer.alloc(2) },
    { name: 'int', type: 4, value: Buffer.alloc(4) },
    { name: 'long', type: 5, value: Buffer.alloc(8) },
    { name: 'bytes', type: 6, value: Buffer.from(':event-type') },
    { name: 'time', type: 8, value: Buffer.alloc(8) },
    { name: 'uuid', type: 9, value: Buffer.alloc(16) },
    stringHeader(':event-type', 'last'),
  ],
  '{"a":3}',
);

const cases: { name: string; body: Buffer[]; given: Given[]; broken?: boolean }[] = [
  {
    name: 'messages and their events',
    body: [one, two],
    given: [given('messageStart', 1), given('metadata', { in: 2 })],
  },
  { name: 'headers of every type', body: [everyType], given: [given('last', 3)] },
  {
    name: 'an exception, an error, no header at all, no payload',
    body: [
      encodeMessage(
        [stringHeader(':message-type', 'exception'), stringHeader(':exception-type', 'throttled')],
        '{"a":4}',
      ),
      encodeMessage([stringHeader(':message-type', 'error'), stringHeader(':error-code', 'Oops')], '{"a":5}'),
      encodeMessage([], '{"a":6}'),
      encodeMessage([], ''),
      encodeEvent('ping', ''),
      one,
    ],
    given: [given('throttled', 4), given('Oops', 5), given(null, 6), given('messageStart', 1)],
  },
  {
    name: 'a payload that is no JSON, or half of it',
    body: [encodeEvent('x', 'hello'), encodeEvent('y', '{"a":1'), one],
    given: [given('messageStart', 1)],
  },
  {
    name: 'a text in a chunk is a document too',
    body: [
      encodeEvent('chunk', base64('{"a":7}')),
      encodeEvent('other', base64('{"a":8}')),
      encodeEvent('chunk', '{"bytes":7}'),
    ],
    given: [
      given('chunk', undefined),
      given('chunk', 7),
      given('other', undefined),
      given('chunk', undefined),
    ],
  },
  {
    name: 'one that is malformed is lost for itself only',
    body: [
      encodeEvent('chunk', base64('{"a":')),
      encodeEvent('chunk', base64('!')),
      encodeEvent('chunk', base64('{"a":9}')),
    ],
    given: [
      given('chunk', undefined),
      given('chunk', undefined),
      given('chunk', undefined),
      given('chunk', 9),
    ],
  },
  {
    name: 'a wrong checksum ends it',
    body: [one, flipped(two, two.length - 1), one],
    given: [given('messageStart', 1)],
    broken: true,
  },
  {
    name: 'so does a changed payload',
    body: [one, flipped(two, two.length - 9), one],
    given: [given('messageStart', 1)],
    broken: true,
  },
  {
    name: 'and a changed header',
    body: [one, flipped(two, 20), one],
    given: [given('messageStart', 1)],
    broken: true,
  },
  {
    name: 'and a changed prelude',
    body: [one, flipped(two, 3), one],
    given: [given('messageStart', 1)],
    broken: true,
  },
  {
    name: 'and a length past 16 MiB',
    body: [one, withPrelude(two, 17 << 20, 10), one],
    given: [given('messageStart', 1)],
    broken: true,
  },
  {
    name: 'and headers longer than the message',
    body: [one, withPrelude(two, 40, 40), one],
    given: [given('messageStart', 1)],
    broken: true,
  },
  {
    name: 'and a message shorter than its frame',
    body: [one, withPrelude(two, 15, 0), one],
    given: [given('messageStart', 1)],
    broken: true,
  },
  {
    name: 'and headers past 128 KiB',
    body: [one, withPrelude(two, 200_000, 140_000), one],
    given: [given('messageStart', 1)],
    broken: true,
  },
  {
    name: 'a message that is cut',
    body: [one, two.subarray(0, two.length - 1)],
    given: [given('messageStart', 1)],
  },
];

for (const c of cases) {
  t.test(c.name, async t => {
    for (const parts of splits(Buffer.concat(c.body))) {
      const got = readBody(parts, ['/a'], TYPE);
      const expected = { given: c.given, framing: 'eventStream', state: c.broken ? 'gaveUp' : 'ok' };
      if (!isDeepStrictEqual(got, expected)) {
        t.strictSame(got, expected, `parts of ${parts.map(part => part.length).join(', ')} bytes`);
        return;
      }
    }
    t.pass('in every split');
  });
}

t.test('headers that run out of their block', async t => {
  const blocks = [[5], [1, 65], [1, 65, 7, 0], [1, 65, 7, 0, 9, 65], [1, 65, 5, 0], [1, 65, 10], [0, 9, 1]];
  for (const block of blocks) {
    const message = encodeMessage([], Buffer.concat([Buffer.from(block), Buffer.from('{"a":1}')]));
    // The block is declared as headers instead of payload.
    message.writeUInt32BE(block.length, 4);
    message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
    message.writeUInt32BE(crc32(message.subarray(0, message.length - 4)), message.length - 4);
    t.equal(readBody([message], ['/a'], TYPE).state, 'gaveUp', block.join(' '));
  }
});

t.test('a chunk of nearly a megabyte, one past it, and very many documents in one message', async t => {
  const inner = (bytes: number) => base64(`{"pad":"${'x'.repeat(bytes)}","a":1}`);
  const body = Buffer.concat([
    encodeEvent('chunk', inner(700_000)),
    encodeEvent('chunk', inner(900_000)),
    encodeEvent('many', '{"a":2}'.repeat(1000)),
    one,
  ]);
  const got = readBody(pieces(body, 16_384), ['/a'], TYPE).given;
  t.strictSame(got.slice(0, 3), [given('chunk', undefined), given('chunk', 1), given('chunk', undefined)]);
  t.strictSame(got.slice(3), [...new Array<Given>(16).fill(given('many', 2)), given('messageStart', 1)]);
});

t.test('any messages in any split', async t => {
  const message = fc.tuple(fc.constantFrom('chunk', 'metadata', 'é'), jsonContainerText, fc.boolean());
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 5 }),
      fc.array(fc.nat(), { maxLength: 10 }),
      (messages, points) => {
        const pointers = ['', '/a', '/usage'];
        const documents = (text: string, event: string): Given[] => {
          const document: unknown = JSON.parse(text);
          const all = Array.isArray(document) ? document : [document];
          return all.map(each => ({ values: pointers.map(pointer => lookup(each, pointer)), event }));
        };
        const expected: Given[] = [];
        const body = messages.map(([event, text, wrapped]) => {
          const payload = wrapped
            ? `{"bytes":${JSON.stringify(Buffer.from(text).toString('base64'))}}`
            : text;
          expected.push(...documents(payload, event));
          if (wrapped && event === 'chunk') expected.push(...documents(text, event));
          return encodeEvent(event, payload);
        });
        const got = readBody(cut(Buffer.concat(body), points), pointers, TYPE);
        return isDeepStrictEqual(got.given, expected);
      },
    ),
    { numRuns: 1000 },
  );
  t.pass('held');
});
