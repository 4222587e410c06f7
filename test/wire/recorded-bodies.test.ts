import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createParser } from 'eventsource-parser';
import t from 'tap';
import { lookup } from './json-text.ts';
import { type Given, readBody, readEncoded } from './read-body.ts';
import { pieces } from './splits.ts';

/** Recorded provider bodies, one folder each with `body` and `case.json`; not part of this repository. */
const folder = process.env.WEIR_STREAMS ?? '';

const POINTERS = [
  '/model',
  '/usage',
  '/usage/total_tokens',
  '/choices/0/finish_reason',
  '/choices/-/#',
  '/usageMetadata',
  '/response/usage',
  '/message/usage/input_tokens',
  '/delta/stop_reason',
  '/data/-/#',
  '/prompt_eval_count',
  '/metadata/usage',
  '/type',
];

/** The same by whole-body parsers that share no code with the scanner. */
function reference(body: Buffer, type: string): Given[] {
  if (type.startsWith('text/event-stream')) return fromEvents(body);
  if (type.startsWith('application/vnd.amazon')) return fromMessages(body);
  const text = body.toString('utf8');
  try {
    return fromText(text, null);
  } catch {
    return text.split('\n').flatMap(line => (line.trim() === '' ? [] : fromText(line, null)));
  }
}

function fromText(text: string, event: string | null): Given[] {
  const value: unknown = JSON.parse(text);
  const documents = Array.isArray(value) ? value : [value];
  return documents.map(document => ({ values: POINTERS.map(one => lookup(document, one)), event }));
}

function fromEvents(body: Buffer): Given[] {
  const given: Given[] = [];
  const parser = createParser({
    onEvent: ({ data, event }) => {
      if (/^[{[]/.test(data) && data !== '[DONE]') given.push(...fromText(data, event ?? null));
      else given.push({ text: data.slice(0, 64) });
    },
  });
  parser.feed(body.toString('utf8'));
  // The scanner also takes an event that only lacks its blank line.
  parser.feed('\n\n');
  return given;
}

function fromMessages(body: Buffer): Given[] {
  const given: Given[] = [];
  for (let at = 0; at < body.length; at += body.readUInt32BE(at)) {
    const headersEnd = at + 12 + body.readUInt32BE(at + 4);
    const headers = body.toString('latin1', at + 12, headersEnd);
    // After the header's name: its type, then two bytes of length, then the event's name.
    const typeAt = /:(?:event|exception)-type/.exec(headers)!;
    const start = typeAt.index + typeAt[0].length + 3;
    const name = headers.slice(start, start + headers.charCodeAt(start - 1));
    const payload = body.toString('utf8', headersEnd, at + body.readUInt32BE(at) - 4);
    given.push(...fromText(payload, name));
    const { bytes } = JSON.parse(payload) as { bytes?: string };
    if (name === 'chunk' && bytes !== undefined) {
      given.push(...fromText(Buffer.from(bytes, 'base64').toString('utf8'), name));
    }
  }
  return given;
}

interface Recorded {
  name: string;
  body: Buffer;
  type: string;
}

function recorded(): Recorded[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => {
      const path = join(folder, entry.name);
      const facts = JSON.parse(readFileSync(join(path, 'case.json'), 'utf8')) as { contentType: string };
      return { name: entry.name, body: readFileSync(join(path, 'body')), type: facts.contentType };
    });
}

const skip = folder !== '' && existsSync(folder) ? false : 'WEIR_STREAMS names no folder of recorded bodies';

t.test('recorded bodies, as whole-body parsers read them', { skip }, async t => {
  const bodies = recorded();
  t.ok(bodies.length > 0);
  for (const { name, body, type } of bodies) {
    const expected = reference(body, type);
    let held = expected.length > 0;
    for (const size of [body.length, 1, 7, 100, 1460]) {
      held &&= isDeepStrictEqual(readBody(pieces(body, size), POINTERS, type).given, expected);
    }
    const encoded = await readEncoded(pieces(gzipSync(body), 999), POINTERS, { type, encoding: 'gzip' });
    held &&= isDeepStrictEqual(encoded.given, expected);
    t.ok(held, name);
  }
});
