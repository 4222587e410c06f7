import { type BodyFraming, BodyScanner, type BodyState, PointerSet } from '../../lib/wire/index.ts';

/** What a scanner gave, in order. */
export type Given = { values: unknown[]; event: string | null } | { text: string };

export interface BodyReading {
  given: Given[];
  framing: BodyFraming;
  state: BodyState;
}

export interface BodyHead {
  type?: string | null;
  encoding?: string | null;
}

/** Feeds a body as a well-behaved relay does, with every promise of the scanner checked on the way. */
export async function readEncoded(
  parts: Iterable<Buffer>,
  pointers: readonly string[],
  head: BodyHead = {},
): Promise<BodyReading> {
  const given: Given[] = [];
  const scanner = new BodyScanner({
    pointers: new PointerSet(pointers),
    sink: {
      document: (values, event) => given.push({ values: [...values], event }),
      text: text => given.push({ text }),
    },
    contentType: head.type ?? null,
    contentEncoding: head.encoding ?? null,
  });
  for (const part of parts) {
    if (scanner.write(part)) continue;
    await new Promise<void>(resolve => {
      scanner.onDrain = resolve;
    });
  }
  let calls = 0;
  const state = await new Promise<BodyState>(resolve => {
    scanner.end(end => {
      calls++;
      resolve(end);
    });
  });
  await new Promise(setImmediate);
  if (calls !== 1) throw new Error(`done was called ${calls} times`);
  return { given, framing: scanner.framing, state };
}

/** The same for an identity body, which must be read through at once. */
export function readBody(
  parts: Iterable<Buffer>,
  pointers: readonly string[],
  type: string | null = null,
): BodyReading {
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
  for (const part of parts) {
    // In a buffer of its own between foreign bytes, overwritten afterwards: nothing may be read late or outside.
    const framed = Buffer.concat([Buffer.from('"}\n'), part, Buffer.from('"]}\n\n')]);
    const own = framed.subarray(3, 3 + part.length);
    if (!scanner.write(own)) throw new Error('an identity body needs no pause');
    framed.fill(0x7b);
  }
  let state: BodyState | null = null;
  scanner.end(end => {
    if (state !== null) throw new Error('done was called twice');
    state = end;
  });
  if (state === null) throw new Error('done was not called at once');
  return { given, framing: scanner.framing, state };
}
