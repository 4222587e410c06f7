/** The mock provider, a process of its own: reads requests by framing alone, answers with ready-made bytes. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { MessageReader } from '../load/message-reader.ts';
import { burstWire, jsonWire, MODEL_MARK } from './bodies.ts';
import { SlowStreams } from './slow-streams.ts';

const BACKLOG = 2048;
const MARK = Buffer.from(MODEL_MARK);
const UNKNOWN = Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');

const json = jsonWire();
const burst = burstWire();
const slow = new SlowStreams();

const server = createServer({ noDelay: true }, serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: BACKLOG }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('message', message => {
  if (message === 'finish-streams') slow.finishAll();
});
process.on('disconnect', () => process.exit(0));

function serve(socket: Socket): void {
  const reader = new MessageReader(false);
  let kind = 0;
  reader.onBody = (buffer, start, end) => {
    const at = buffer.indexOf(MARK, start);
    if (at >= 0 && at + MARK.length < end) kind = buffer[at + MARK.length]!;
  };
  socket.on('data', (bytes: Buffer) => {
    if (!isRequestEnd(reader, bytes, socket)) return;
    if (kind === 0x6a) socket.write(json);
    else if (kind === 0x62) socket.write(burst);
    else if (kind === 0x73) slow.open(socket);
    else socket.write(UNKNOWN);
    kind = 0;
  });
  socket.on('error', () => socket.destroy());
}

function isRequestEnd(reader: MessageReader, bytes: Buffer, socket: Socket): boolean {
  try {
    return reader.push(bytes, bytes.length);
  } catch {
    socket.destroy();
    return false;
  }
}
