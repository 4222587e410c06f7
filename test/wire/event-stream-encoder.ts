import { crc32 } from 'node:zlib';

/** A header with a value of a type by its number, as bytes. */
export interface Header {
  name: string;
  type: number;
  value: Buffer;
}

export function stringHeader(name: string, value: string): Header {
  return { name, type: 7, value: Buffer.from(value) };
}

/** Types 6 and 7 carry their length, all others do not. */
function encodeHeader(header: Header): Buffer {
  const name = Buffer.from(header.name);
  const length = Buffer.alloc(header.type === 6 || header.type === 7 ? 2 : 0);
  if (length.length > 0) length.writeUInt16BE(header.value.length);
  return Buffer.concat([Buffer.of(name.length), name, Buffer.of(header.type), length, header.value]);
}

/** One message of an AWS event stream. */
export function encodeMessage(headers: readonly Header[], payload: string | Buffer): Buffer {
  const block = Buffer.concat(headers.map(encodeHeader));
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const message = Buffer.alloc(16 + block.length + body.length);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(block.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  block.copy(message, 12);
  body.copy(message, 12 + block.length);
  message.writeUInt32BE(crc32(message.subarray(0, message.length - 4)), message.length - 4);
  return message;
}

export function encodeEvent(name: string, payload: string | Buffer): Buffer {
  const headers = [
    stringHeader(':event-type', name),
    stringHeader(':content-type', 'application/json'),
    stringHeader(':message-type', 'event'),
  ];
  return encodeMessage(headers, payload);
}
