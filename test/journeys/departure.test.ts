import t, { type Test } from 'tap';
import { type RawClient, requestBytes } from '../client/index.ts';
import { chunkFrame, type Fields } from '../raw/index.ts';
import type { RecordedRequest, Script } from '../upstream/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, startLab } from './lab.ts';

/** CONTRACT §6. */
const CANCEL_MS = 100;
/** The median of this many departures is held against the bound: one of them may meet a busy machine. */
const ROUNDS = 5;

const lab = await startLab(t);

const WAYS: readonly [string, (client: RawClient) => void][] = [
  ['closes', client => client.destroy()],
  ['resets', client => client.reset()],
  ['half-closes', client => client.end()],
];

interface Phase {
  readonly name: string;
  readonly script: Script;
  /** When the script begins. */
  readonly at: 'head' | 'body';
  /** Brings the exchange to the phase; the request at the provider. */
  readonly reach: (client: RawClient, id: Fields) => Promise<RecordedRequest>;
}

const never: Script = () => new Promise(() => {});
const streamFields: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];

async function uploadStarted(client: RawClient, fields: Fields, first: Buffer): Promise<RecordedRequest> {
  await client.send(
    requestBytes({
      target: '/openai/v1/audio/transcriptions',
      method: 'POST',
      fields: [...AS_TEAM, ...fields],
    }),
  );
  await client.send(first);
  const request = await lab.up.next();
  await request.changes.until(() => request.bodyBytes > 0, 'the upload to have begun');
  return request;
}

function ask(id: Fields): Buffer {
  return requestBytes({
    target: '/openai/v1/chat/completions',
    fields: [...AS_TEAM, ...id],
    body: '{"model":"m","stream":true}',
  });
}

const PHASES: readonly Phase[] = [
  {
    name: 'during an upload with a length',
    script: never,
    at: 'head',
    reach: (client, id) =>
      uploadStarted(client, [...id, ['Content-Length', '1000000']], Buffer.alloc(100_000)),
  },
  {
    name: 'during a chunked upload',
    script: never,
    at: 'head',
    reach: (client, id) =>
      uploadStarted(client, [...id, ['Transfer-Encoding', 'chunked']], chunkFrame(Buffer.alloc(100_000))),
  },
  {
    name: 'before the first byte',
    script: never,
    at: 'body',
    reach: async (client, id) => {
      await client.send(ask(id));
      const request = await lab.up.next();
      await request.wholeBody();
      return request;
    },
  },
  {
    name: 'after the head',
    script: [up.head(200, streamFields), never],
    at: 'body',
    reach: async (client, id) => {
      await client.send(ask(id));
      await client.expectHead();
      return lab.up.next();
    },
  },
  {
    name: 'in the middle of a quiet stream',
    script: [up.head(200, streamFields), up.chunk('data: {}\n\n'), never],
    at: 'body',
    reach: async (client, id) => {
      await client.send(ask(id));
      await client.body(await client.expectHead()).atLeast(10);
      return lab.up.next();
    },
  },
  {
    name: 'in the middle of a flood it does not read',
    script: [
      up.head(200, streamFields),
      ...Array<Script & up.Step>(4096).fill(up.chunk(Buffer.alloc(65_536))),
    ],
    at: 'body',
    reach: async (client, id) => {
      await client.send(ask(id));
      await client.body(await client.expectHead()).atLeast(65_536);
      client.pauseReading();
      return lab.up.next();
    },
  },
];

/** One departure: the milliseconds until the provider saw it. */
async function depart(t: Test, phase: Phase, leave: (client: RawClient) => void): Promise<number> {
  lab.up.reply(phase.script, { at: phase.at });
  const client = await lab.connect(t);
  const { id, field } = lab.tag();
  const request = await phase.reach(client, [field]);
  const leftAtMs = performance.now();
  leave(client);
  const { atMs } = await request.closed();
  const fact = await lab.fact(id);
  if (fact.outcome !== 'clientAborted') t.fail(`outcome ${fact.outcome}`);
  if (fact.inputTokens !== null || fact.outputTokens !== null)
    t.fail('tokens of an answer that never said them');
  if (phase.name.includes('upload') && request.complete) t.fail('the provider saw a whole upload');
  client.destroy();
  return atMs - leftAtMs;
}

for (const phase of PHASES) {
  for (const [way, leave] of WAYS) {
    t.test(`a client that ${way} ${phase.name} cancels upstream`, async t => {
      const delays: number[] = [];
      for (let round = 0; round < ROUNDS; round++) delays.push(await depart(t, phase, leave));
      const median = delays.sort((a, b) => a - b)[ROUNDS >> 1]!;
      t.ok(median <= CANCEL_MS, `median ${median.toFixed(1)} ms`);
    });
  }
}

t.test('a client that leaves while its body is still being collected reaches no provider', async t => {
  for (const [way, leave] of WAYS) {
    const seen = lab.up.requests.length;
    const { id, field } = lab.tag();
    const client = await lab.connect(t);
    await client.send(
      requestBytes({ target: '/lab/x', method: 'POST', fields: [field, ['Content-Length', '1000']] }),
    );
    await client.send('half');
    leave(client);
    const fact = await lab.fact(id);
    t.equal(fact.outcome, 'clientAborted', way);
    t.equal(fact.status, null, way);
    t.equal(lab.up.requests.length, seen, way);
  }
});

t.test('a hundred departures leave no socket behind', async t => {
  lab.up.reply(never);
  const before = lab.weir.openSockets();
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      const client = await lab.connect(t);
      await client.send(ask([]));
      const request = await lab.up.next();
      client.destroy();
      await request.closed();
    }),
  );
  await lab.check(t);
  const after = lab.weir.openSockets();
  t.ok(before === null || after === null || after <= before + 2, `${before} before, ${after} after`);
});

t.test('what the provider stated before the client left stands', async t => {
  const start = {
    type: 'message_start',
    message: { model: 'm-1', usage: { input_tokens: 11, output_tokens: 1 } },
  };
  lab.up.reply([
    up.head(200, streamFields),
    up.chunk(`event: message_start\ndata: ${JSON.stringify(start)}\n\n`),
    never,
  ]);
  const client = await lab.connect(t);
  const { id, field } = lab.tag();
  const fields = [...AS_TEAM, field];
  await client.send(
    requestBytes({ target: '/anthropic/v1/messages', fields, body: '{"model":"m","stream":true}' }),
  );
  await client.body(await client.expectHead()).atLeast(20);
  client.destroy();
  t.match(await lab.fact(id), {
    outcome: 'clientAborted',
    inputTokens: 11,
    modelServed: 'm-1',
    usageSource: 'provider',
  });
});

t.test('afterwards all is well', t => lab.check(t));
