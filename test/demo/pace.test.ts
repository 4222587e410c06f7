import http, { type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { sendPaced } from '../../lib/demo/pace.ts';

const EVENT_BYTES = 1024 * 1024;
const EVENTS = 64;

t.test('a slow reader is waited for and gets everything', async t => {
  let answering: ServerResponse | undefined;
  const server = http.createServer((_req, res) => {
    answering = res;
    sendPaced(res, Array<string>(EVENTS).fill('x'.repeat(EVENT_BYTES)), 0);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise(resolve => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  const read = await new Promise<number>((resolve, reject) => {
    http.get({ port, agent: false }, response => {
      let bytes = 0;
      let mostHeld = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        mostHeld = Math.max(mostHeld, answering!.writableLength);
      });
      response.once('error', reject);
      response.once('end', () => {
        t.ok(mostHeld < 3 * EVENT_BYTES, `${mostHeld} bytes held at most`);
        resolve(bytes);
      });
    });
  });
  t.equal(read, EVENTS * EVENT_BYTES);
});
