import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { MessageReader } from '../load/message-reader.ts';
import { burstWire, jsonWire, MODEL_MARK } from './bodies.ts';
import { SlowStreams } from './slow-streams.ts';

const BACKLOG = 2048;
const MARK = Buffer.from(MODEL_MARK);
const UNKNOWN = Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
/** First letters of the answer kinds, as they follow the mark in a request. */
const JSON_KIND = 0x6a;
const BURST_KIND = 0x62;
const SLOW_KIND = 0x73;

/** The mock provider: reads requests by their framing, answers with ready-made bytes on raw sockets. */
export class MockUpstream {
  private readonly json = jsonWire();
  private readonly burst = burstWire();
  private readonly slow = new SlowStreams();

  /** Listens on a free port of 127.0.0.1 and returns it. */
  async listen(): Promise<number> {
    const server = createServer({ noDelay: true }, socket => this.serve(socket));
    server.listen({ host: '127.0.0.1', port: 0, backlog: BACKLOG });
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** Ends every open slow stream as a provider does. */
  finishStreams(): void {
    this.slow.finishAll();
  }

  private serve(socket: Socket): void {
    const reader = new MessageReader(false);
    let kind = 0;
    reader.onBody = (buffer, start, end) => {
      const at = buffer.indexOf(MARK, start);
      if (at >= 0 && at + MARK.length < end) kind = buffer[at + MARK.length]!;
    };
    socket.on('data', (bytes: Buffer) => {
      if (!isRequestEnd(reader, bytes, socket)) return;
      if (kind === JSON_KIND) socket.write(this.json);
      else if (kind === BURST_KIND) socket.write(this.burst);
      else if (kind === SLOW_KIND) this.slow.open(socket);
      else socket.write(UNKNOWN);
      kind = 0;
    });
    socket.on('error', () => socket.destroy());
  }
}

function isRequestEnd(reader: MessageReader, bytes: Buffer, socket: Socket): boolean {
  try {
    return reader.push(bytes, bytes.length);
  } catch {
    socket.destroy();
    return false;
  }
}
