import { isDeepStrictEqual } from 'node:util';
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { BodyScanner, PointerSet } from '../../lib/wire/index.ts';
import { readEncoded } from './read-body.ts';
import { cut, pieces } from './splits.ts';

const codings: [name: string, encode: (body: Buffer) => Buffer][] = [
  ['gzip', body => gzipSync(body)],
  ['x-gzip', body => gzipSync(body, { level: 1 })],
  ['br', body => brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })],
  ['zstd', body => zstdCompressSync(body)],
  ['deflate', body => deflateSync(body)],
  ['Deflate', body => deflateRawSync(body)],
];

const stream = Buffer.from(
  `data: {"a":1}\n\nevent: é\r\ndata: {"a":"${'日本'.repeat(40)}"}\r\n\r\ndata: [DONE]\n\n`,
);
const streamGiven = [
  { values: [1], event: null },
  { values: ['日本'.repeat(40)], event: 'é' },
  { text: '[DONE]' },
];

/** Letters that no coding makes much smaller. */
function noise(bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  let x = 1;
  for (let i = 0; i < bytes; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    out[i] = 0x5d + (x & 31);
  }
  return out;
}

for (const [encoding, encode] of codings) {
  t.test(`${encoding}: in any split`, async t => {
    const encoded = encode(stream);
    for (const size of [1, 2, 3, 7, encoded.length]) {
      const got = await readEncoded(pieces(encoded, size), ['/a'], { type: 'text/event-stream', encoding });
      t.strictSame(got, { given: streamGiven, framing: 'sse', state: 'ok' }, `${size} bytes at a time`);
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 10 }), async points => {
        const got = await readEncoded(cut(encoded, points), ['/a'], { type: 'text/event-stream', encoding });
        return isDeepStrictEqual(got.given, streamGiven) && got.state === 'ok';
      }),
      { numRuns: 40 },
    );
  });

  t.test(`${encoding}: a body that is cut gives what stands`, async t => {
    const text = Buffer.concat([Buffer.from('{"a":1}\n{"a":"'), noise(300_000), Buffer.from('"}\n{"a":3}')]);
    const encoded = encode(text);
    for (const kept of [0, 1, 2, 5, 1000, encoded.length >> 1, encoded.length - 1]) {
      const got = await readEncoded(pieces(encoded.subarray(0, kept), 10_000), ['/a'], { encoding });
      t.equal(got.state, 'ok', `${kept} bytes`);
      const first = kept >= encoded.length >> 1;
      t.strictSame(got.given.slice(0, 1), first ? [{ values: [1], event: null }] : got.given.slice(0, 1));
      if (first) t.ok(got.given.length >= 1);
    }
    const whole = await readEncoded(pieces(encoded, 10_000), ['/a'], { encoding });
    t.strictSame(
      whole.given,
      [1, undefined, 3].map(a => ({ values: [a], event: null })),
    );
  });

  t.test(`${encoding}: corrupt data is given up, what was read stands`, async t => {
    const text = Buffer.concat([
      Buffer.from('{"a":1}\n{"b":"'),
      noise(3_000_000),
      Buffer.from('"}\n{"a":3}'),
    ]);
    const encoded = Buffer.from(encode(text));
    encoded.fill(0xff, encoded.length - 400_000, encoded.length - 200_000);
    const got = await readEncoded(pieces(encoded, 60_000), ['/a'], { encoding });
    t.equal(got.state, 'gaveUp');
    t.strictSame(got.given[0], { values: [1], event: null });
  });

  t.test(`${encoding}: what is not encoded at all`, async t => {
    const got = await readEncoded([Buffer.from('{"a":1}')], ['/a'], { encoding });
    t.strictSame(got.given, []);
  });

  t.test(`${encoding}: bytes after the end are no harm`, async t => {
    const got = await readEncoded([encode(stream), Buffer.from('garbage'), Buffer.alloc(100)], ['/a'], {
      encoding,
    });
    t.strictSame(got.given, streamGiven);
  });

  t.test(`${encoding}: a bomb is given up, quickly and in little memory`, async t => {
    const bomb = encode(
      Buffer.concat([
        Buffer.from('{"a":1}\n{"a":"'),
        Buffer.alloc(encoding === 'br' ? 200_000_000 : 50_000_000, 'z'),
      ]),
    );
    t.ok(bomb.length < 3_000_000, `${bomb.length} bytes`);
    const before = process.memoryUsage().rss;
    let most = before;
    let longestMs = 0;
    let last = performance.now();
    const ticker = setInterval(() => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - last);
      last = now;
      most = Math.max(most, process.memoryUsage().rss);
    }, 1);
    const got = await readEncoded(pieces(bomb, 16_384), ['/a'], { encoding });
    clearInterval(ticker);
    t.strictSame(got, { given: [{ values: [1], event: null }], framing: 'json', state: 'gaveUp' });
    t.ok(most - before < 64 * 1024 * 1024, `${most - before} bytes of memory`);
    t.comment(`longest stall ${longestMs.toFixed(1)} ms`);
  });
}

t.test('a body of little entropy that is no bomb is read to its end', async t => {
  const line = `{"pad":"${'y'.repeat(60)}"}\n`;
  const text = Buffer.concat([
    noise(400_000).subarray(0, 0),
    Buffer.from(line.repeat(100_000)),
    Buffer.from('{"a":1}'),
  ]);
  const encoded = gzipSync(text, { level: 1 });
  t.ok(text.length < 8 * 1024 * 1024 && text.length / encoded.length > 50);
  const got = await readEncoded([encoded], ['/a'], { encoding: 'gzip' });
  t.equal(got.given.length, 100_001);
  t.strictSame(got.given.at(-1), { values: [1], event: null });
  t.equal(got.state, 'ok');
});

t.test('past 256 MiB it is given up whatever the ratio', async t => {
  // Stored blocks of deflate: the ratio is 1.
  const block = noise(65_535);
  const head = Buffer.of(0, 0xff, 0xff, 0, 0);
  function* body(): Generator<Buffer> {
    yield Buffer.of(0x78, 0x01);
    const text = Buffer.from('{"a":1}\n{"x":"');
    yield Buffer.of(0, text.length, 0, ~text.length & 0xff, 0xff);
    yield text;
    for (let i = 0; i < 4200; i++) {
      yield head;
      yield block;
    }
  }
  const got = await readEncoded(body(), ['/a'], { encoding: 'deflate' });
  t.strictSame(got, { given: [{ values: [1], event: null }], framing: 'json', state: 'gaveUp' });
});

t.test('a large body asks for pauses, and they end', async t => {
  const text = Buffer.concat([Buffer.from('{"x":"'), noise(8_000_000), Buffer.from('","a":1}')]);
  const encoded = gzipSync(text, { level: 1 });
  let pauses = 0;
  let waiting = 0;
  let most = 0;
  const documents: unknown[] = [];
  const scanner = new BodyScanner({
    pointers: new PointerSet(['/a']),
    sink: { document: values => documents.push(values[0]), text: () => undefined },
    contentType: 'application/json',
    contentEncoding: 'gzip',
  });
  for (const part of pieces(encoded, 65_536)) {
    waiting += part.length;
    most = Math.max(most, waiting);
    if (scanner.write(part)) continue;
    pauses++;
    await new Promise<void>(resolve => {
      scanner.onDrain = resolve;
    });
    waiting = 0;
  }
  const state = await new Promise(resolve => scanner.end(resolve));
  t.equal(state, 'ok');
  t.strictSame(documents, [1]);
  t.ok(pauses > 5, `${pauses} pauses`);
  t.ok(most <= 512 * 1024, `${most} bytes waited`);
});

t.test('a writer that pauses is woken when the body is given up', async t => {
  const bomb = brotliCompressSync(Buffer.alloc(30_000_000, '{"a":1}'));
  const scanner = new BodyScanner({
    pointers: new PointerSet(['/none']),
    sink: { document: () => undefined, text: () => undefined },
    contentType: null,
    contentEncoding: 'br',
  });
  const woken = new Promise<void>(resolve => {
    scanner.onDrain = resolve;
  });
  const padded = Buffer.concat([bomb, Buffer.alloc(400_000)]);
  t.equal(scanner.write(padded), false);
  await woken;
  t.equal(scanner.write(padded), true);
  t.equal(await new Promise(resolve => scanner.end(resolve)), 'ok');
});

t.test('a body that is no JSON is not decoded to its end', async t => {
  const encoded = gzipSync(Buffer.concat([Buffer.from('<html>'), noise(1_000_000)]));
  const scanner = new BodyScanner({
    pointers: new PointerSet(['/a']),
    sink: { document: () => t.fail('no document'), text: () => t.fail('no text') },
    contentType: 'text/html',
    contentEncoding: 'gzip',
  });
  if (!scanner.write(encoded)) {
    await new Promise<void>(resolve => {
      scanner.onDrain = resolve;
    });
  }
  t.equal(scanner.framing, 'none');
  let state = '';
  scanner.end(end => {
    state = end;
  });
  t.equal(state, 'ok', 'at once');
});

t.test('an exception of the sink ends the decoding', async t => {
  const scanner = new BodyScanner({
    pointers: new PointerSet(['/a']),
    sink: {
      document: () => {
        throw new Error('from the sink');
      },
      text: () => undefined,
    },
    contentType: null,
    contentEncoding: 'gzip',
  });
  scanner.write(gzipSync(Buffer.from('{"a":1}{"a":2}')));
  t.equal(await new Promise(resolve => scanner.end(resolve)), 'gaveUp');
});

t.test('destroyed, nothing is called any more', async t => {
  for (const encoding of ['gzip', null]) {
    const scanner = new BodyScanner({
      pointers: new PointerSet(['/a']),
      sink: { document: () => t.fail('a document'), text: () => t.fail('a text') },
      contentType: null,
      contentEncoding: encoding,
    });
    scanner.onDrain = () => t.fail('a drain');
    scanner.write(gzipSync(noise(600_000)));
    scanner.destroy();
    t.equal(scanner.write(Buffer.from('{"a":1}')), true);
    scanner.destroy();
    await new Promise(setImmediate);
  }
  t.pass('quiet');
});
