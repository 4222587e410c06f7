import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bytes } from '../raw/index.ts';
import { exchange, RawClient, readAnswer, requestBytes } from './index.ts';

/** A server that answers every connection's first bytes with `answer`. */
async function answering(t: Test, answer: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

t.test('an answer in one-byte writes is read exactly, interim heads included', async t => {
  const wire = bytes(
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: \xff\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n',
  );
  const port = await answering(t, async socket => {
    for (const byte of wire) await new Promise(resolve => socket.write(Buffer.of(byte), resolve));
  });
  const answer = await exchange(port, { target: '/' });
  t.equal(answer.status, 200);
  t.same(
    answer.interim.map(head => [head.status, head.value('link')]),
    [[103, '</a>']],
  );
  t.same(answer.head.fields, [
    ['X-A', '1'],
    ['x-a', '\xff'],
    ['Transfer-Encoding', 'chunked'],
  ]);
  t.throws(() => answer.head.value('x-a'), /came 2 times/);
  t.equal(answer.body.toString(), 'abc');
  t.equal(answer.ending, 'complete');
});

t.test('HEAD, 204 and 304 have no body whatever their fields say; the next answer follows', async t => {
  const port = await answering(t, socket =>
    socket.write(
      'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend',
    ),
  );
  const client = await RawClient.connect(port);
  t.teardown(() => client.destroy());
  await client.send('x');
  t.equal((await readAnswer(client, 'HEAD')).body.length, 0);
  t.equal((await readAnswer(client, 'GET')).status, 204);
  t.equal((await readAnswer(client, 'GET')).status, 304);
  t.equal((await readAnswer(client, 'GET')).body.toString(), 'end');
});

t.test('ambiguous response framing is an error, never a guess', async t => {
  for (const fields of [
    'Content-Length: 1\r\nContent-Length: 1',
    'Content-Length: 1\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: cow',
  ]) {
    const port = await answering(t, socket => socket.end(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n1`));
    await t.rejects(exchange(port, { target: '/' }), { name: 'WireFault' }, fields);
  }
});

t.test('a connection that ends before a head says how it ended', async t => {
  const resetting = await answering(t, socket => socket.resetAndDestroy());
  await t.rejects(exchange(resetting, { target: '/' }), /no response head: the connection ended \(reset\)/);
  const closing = await answering(t, socket => socket.end());
  await t.rejects(exchange(closing, { target: '/' }), /no response head: the connection ended \(fin\)/);
});

t.test('half-close sends FIN and reads on; reset sends RST', async t => {
  const ends: string[] = [];
  const port = await answering(t, socket => {
    socket.on('end', () => {
      ends.push('fin');
      socket.end('HTTP/1.0 200 OK\r\n\r\nlate');
    });
    socket.on('error', () => ends.push('rst'));
    socket.write('HTTP/1.1 100 Continue\r\n\r\n');
  });
  const client = await RawClient.connect(port);
  await client.send('x');
  await client.expectHead();
  client.end();
  const answer = await readAnswer(client, 'GET');
  t.equal(answer.body.toString(), 'late');
  t.equal(answer.head.version, 'HTTP/1.0');
  t.equal(await client.ended(), 'fin');
  t.equal(await client.send('more'), false);
  t.same(ends, ['fin']);
});

t.test('request bytes are exactly the parts, framed once', async t => {
  t.equal(requestBytes({ target: '/a' }).toString(), 'GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  t.equal(
    requestBytes({
      target: '/a',
      body: 'x',
      fields: [
        ['hOst', 'b'],
        ['A', '\xe9'],
      ],
      version: '1.0',
    }).toString('latin1'),
    'POST /a HTTP/1.0\r\nhOst: b\r\nA: \xe9\r\nContent-Length: 1\r\n\r\nx',
  );
  t.equal(
    requestBytes({
      target: '/',
      method: 'PUT',
      body: '0\r\n\r\n',
      fields: [['Transfer-Encoding', 'chunked']],
    }).toString(),
    'PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  );
});

t.test('reaches a unix socket', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-client-'));
  const path = join(folder, 's');
  const server = createServer(socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')).listen(
    path,
  );
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  t.equal((await exchange(path, { target: '/' })).status, 200);
});
