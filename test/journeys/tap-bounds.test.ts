import { brotliCompressSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { RawClient, requestBytes } from '../client/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, type Lab, startLab } from './lab.ts';

const MIB = 1 << 20;
/** What the resident memory of the gateway may grow by, whatever the body. */
const GROWTH = 96 * MIB;

const lab = await startLab(t);

/** Reads an answer without keeping it; gives its length and the fact. */
async function drink(lab: Lab, target: string, body: string) {
  const { id, field } = lab.tag();
  const client = await RawClient.connect(lab.port);
  await client.send(requestBytes({ method: 'POST', target, fields: [...AS_TEAM, field], body }));
  const answer = client.body(await client.expectHead(), 'POST');
  let bytes = 0;
  for (let piece = await answer.read(); piece !== null; piece = await answer.read()) bytes += piece.length;
  client.destroy();
  return { bytes, ending: answer.ending, fact: await lab.fact(id) };
}

function grown(t: Test, before: number | null): void {
  const after = lab.weir.residentBytes();
  if (before === null || after === null) t.pass('this platform does not tell a process’s memory');
  else t.ok(after - before < GROWTH, `grew by ${(after - before) / MIB} MiB`);
}

t.test('100 MB of embeddings are metered exactly, at flat memory', async t => {
  const vector = `{"object":"embedding","index":0,"embedding":[${Array(4000).fill('-0.012345678').join(',')}]},`;
  const count = Math.ceil((100 * MIB) / vector.length);
  const head = '{"object":"list","data":[';
  const tail = '{}],"model":"embed-large","usage":{"prompt_tokens":4242,"total_tokens":4242}}';
  const length = head.length + count * vector.length + tail.length;
  const piece = Buffer.from(vector);
  lab.up.on('POST', '/v1/embeddings', [
    up.head(200, [
      ['Content-Type', 'application/json'],
      ['Content-Length', String(length)],
    ]),
    up.raw(head),
    ...Array<up.Step>(count).fill(up.raw(piece)),
    up.raw(tail),
  ]);
  await drink(lab, '/openai/v1/embeddings', '{"model":"embed-large","input":"warm"}');
  const before = lab.weir.residentBytes();
  const { bytes, ending, fact } = await drink(
    lab,
    '/openai/v1/embeddings',
    '{"model":"embed-large","input":"x"}',
  );
  t.equal(bytes, length);
  t.equal(ending, 'complete');
  t.match(fact, { inputTokens: 4242, modelServed: 'embed-large', usageSource: 'provider', usageNote: null });
  t.equal(fact.responseBytes, length);
  grown(t, before);
});

t.test('a 40 MB picture inside JSON too', async t => {
  const picture = 'A'.repeat(40 * MIB);
  const body = `{"created":1,"data":[{"b64_json":"${picture}"}],"usage":{"input_tokens":50,"output_tokens":4160,"total_tokens":4210,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}`;
  lab.up.on('POST', '/v1/images/generations', up.respond(200, [['Content-Type', 'application/json']], body));
  const before = lab.weir.residentBytes();
  const { bytes, fact } = await drink(
    lab,
    '/openai/v1/images/generations',
    '{"model":"picture-1","prompt":"x"}',
  );
  t.equal(bytes, body.length);
  t.match(fact, { inputTokens: 50, outputTokens: 4160, measures: { images: 1, imageInputTokens: 40 } });
  grown(t, before);
});

t.test('a bomb is cut short by the tap and passed on untouched', async t => {
  const endless = Buffer.concat([Buffer.from('{"choices":"'), Buffer.alloc(200 * MIB, 'x')]);
  for (const [coding, bomb] of [
    ['br', brotliCompressSync(endless)],
    ['gzip', gzipSync(endless)],
  ] as const) {
    lab.up.on(
      'POST',
      '/v1/chat/completions',
      up.respond(
        200,
        [
          ['Content-Type', 'application/json'],
          ['Content-Encoding', coding],
        ],
        bomb,
      ),
      { once: true },
    );
    const before = lab.weir.residentBytes();
    const { bytes, ending, fact } = await drink(
      lab,
      '/openai/v1/chat/completions',
      '{"model":"m","messages":[]}',
    );
    t.equal(bytes, bomb.length, `${coding}: ${bomb.length} bytes`);
    t.equal(ending, 'complete');
    t.match(fact, { outcome: 'complete', usageSource: 'none', inputTokens: null, usageNote: 'tapGaveUp' });
    grown(t, before);
  }
});

t.test('a line of 100 MB in a stream: the usage after it is still read', async t => {
  const piece = Buffer.alloc(MIB, 'x');
  lab.up.on('POST', '/v1/messages', [
    up.head(200, [
      ['Content-Type', 'text/event-stream'],
      ['Transfer-Encoding', 'chunked'],
    ]),
    up.chunk(
      'event: message_start\ndata: {"type":"message_start","message":{"model":"c-1","usage":{"input_tokens":7,"output_tokens":1}}}\n\n',
    ),
    up.chunk('event: ping\ndata: {"type":"ping","filler":"'),
    ...Array<up.Step>(100).fill(up.chunk(piece)),
    up.chunk(
      '"}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}\n\n',
    ),
    up.chunk('event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    up.last(),
  ]);
  const before = lab.weir.residentBytes();
  const { bytes, fact } = await drink(
    lab,
    '/anthropic/v1/messages',
    '{"model":"c-1","stream":true,"max_tokens":9,"messages":[]}',
  );
  t.ok(bytes > 100 * MIB);
  t.match(fact, { inputTokens: 7, outputTokens: 9, finishReason: 'end_turn', usageNote: null });
  grown(t, before);
});

t.test('afterwards all is well', t => lab.check(t));
