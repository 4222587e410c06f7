import fc from 'fast-check';
import t from 'tap';
import { bytes, ChunkedDecoder, chunkFrame, fieldValues, lastChunk, parseHead, WireFault } from './index.ts';

function decode(pieces: readonly Buffer[]): { body: Buffer; rest: Buffer; decoder: ChunkedDecoder } {
  const body: Buffer[] = [];
  const rest: Buffer[] = [];
  const decoder = new ChunkedDecoder(piece => body.push(piece));
  for (const piece of pieces) rest.push(decoder.ended ? piece : decoder.push(piece));
  return { body: Buffer.concat(body), rest: Buffer.concat(rest), decoder };
}

t.test('a chunked body is undone at every split point, and what follows it is given back', async t => {
  const wire = Buffer.concat([
    chunkFrame(Buffer.from('ab\r\n0\r\n')),
    Buffer.from('3;name=value\r\nxyz\r\n'),
    lastChunk([['X-Sum', '1']]),
    Buffer.from('NEXT'),
  ]);
  for (let cut = 0; cut <= wire.length; cut++) {
    const { body, rest, decoder } = decode([wire.subarray(0, cut), wire.subarray(cut)]);
    t.equal(body.toString(), 'ab\r\n0\r\nxyz');
    t.equal(rest.toString(), 'NEXT');
    t.ok(decoder.ended);
    t.same(decoder.trailers, [['X-Sum', '1']]);
    t.same(decoder.sizes, [7, 3]);
  }
});

t.test('any body in any chunks comes back', async t => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 9 }), (chunks, step) => {
      const wire = Buffer.concat([...chunks.map(chunkFrame), lastChunk()]);
      const cuts: Buffer[] = [];
      for (let at = 0; at < wire.length; at += step) cuts.push(wire.subarray(at, at + step));
      const { body, decoder } = decode(cuts);
      return decoder.ended && body.equals(Buffer.concat(chunks));
    }),
  );
  t.pass('held for every run');
});

t.test('bad chunk framing is a fault, an unfinished one is not an end', async t => {
  for (const wire of [
    '0x3\r\nabc\r\n',
    '+3\r\n',
    ' 3\r\n',
    '3 \r\nabc',
    '\r\n',
    'ZZ\r\n',
    '3\nabc',
    '3\r\nabcX\r\n',
    '3\r\nabc\n',
  ]) {
    t.throws(() => decode([bytes(wire)]), WireFault, JSON.stringify(wire));
  }
  for (const wire of ['', '3\r\nab', '3\r\nabc\r\n', '0\r\n', '0\r\nX-A: 1\r\n']) {
    t.notOk(decode([bytes(wire)]).decoder.ended, JSON.stringify(wire));
  }
});

t.test('a head keeps names, values, order and repetitions', async t => {
  const head = parseHead(bytes('HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:\t2 \r\nB: \xe9\r\nEmpty:\r\n\r\n'));
  t.equal(head.startLine, 'HTTP/1.1 200 OK');
  t.same(head.fields, [
    ['X-A', '1'],
    ['x-a', '2'],
    ['B', '\xe9'],
    ['Empty', ''],
  ]);
  t.same(fieldValues(head.fields, 'X-a'), ['1', '2']);
  for (const bad of [
    'G\r\nA : 1\r\n\r\n',
    'G\r\nA: 1\r\n b\r\n\r\n',
    'G\r\nA: 1\nB: 2\r\n\r\n',
    'G\r\nnocolon\r\n\r\n',
    'G\r\nA: 1\r\n',
  ]) {
    t.throws(() => parseHead(bytes(bad)), WireFault, JSON.stringify(bad));
  }
});

t.test('raw strings are bytes, never UTF-8 by accident', async t => {
  t.same([...bytes('\x00\xff')], [0, 255]);
  t.throws(() => bytes('€'), RangeError);
});
