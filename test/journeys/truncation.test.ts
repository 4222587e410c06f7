import t, { type Test } from 'tap';
import { requestBytes } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import type { Step } from '../upstream/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, startLab } from './lab.ts';

const lab = await startLab(t, { config: { timeouts: { idleMs: 400 } } });

const SSE: Fields = [['Content-Type', 'text/event-stream']];
const CHUNKED: Fields = [['Transfer-Encoding', 'chunked']];
const EVENT = 'data: {"n":1}\n\n';

interface Break {
  readonly name: string;
  readonly begin: readonly Step[];
  readonly end: readonly Step[];
  /** The body is delimited by close on its way to a 1.0 client. */
  readonly byCloseTo10: boolean;
}

const BREAKS: readonly Break[] = [
  {
    name: 'RST inside a chunk',
    begin: [up.head(200, [...SSE, ...CHUNKED]), up.raw(`20\r\n${EVENT}`)],
    end: [up.rst()],
    byCloseTo10: true,
  },
  {
    name: 'FIN inside a chunk',
    begin: [up.head(200, [...SSE, ...CHUNKED]), up.raw(`20\r\n${EVENT}`)],
    end: [up.fin()],
    byCloseTo10: true,
  },
  {
    name: 'FIN between chunks',
    begin: [up.head(200, [...SSE, ...CHUNKED]), up.chunk(EVENT)],
    end: [up.fin()],
    byCloseTo10: true,
  },
  {
    name: 'RST between chunks',
    begin: [up.head(200, [...SSE, ...CHUNKED]), up.chunk(EVENT)],
    end: [up.rst()],
    byCloseTo10: true,
  },
  {
    name: 'half of the last chunk',
    begin: [up.head(200, [...SSE, ...CHUNKED]), up.chunk(EVENT)],
    end: [up.raw('0\r\n'), up.fin()],
    byCloseTo10: true,
  },
  {
    name: 'a chunk size that is none',
    begin: [up.head(200, [...SSE, ...CHUNKED]), up.chunk(EVENT)],
    end: [up.raw('ZZ\r\n')],
    byCloseTo10: true,
  },
  {
    name: 'a chunk that runs over',
    begin: [up.head(200, [...SSE, ...CHUNKED]), up.chunk(EVENT)],
    end: [up.raw('1\r\nabc\r\n')],
    byCloseTo10: true,
  },
  {
    name: 'silence past idleMs',
    begin: [up.head(200, [...SSE, ...CHUNKED]), up.chunk(EVENT)],
    end: [],
    byCloseTo10: true,
  },
  {
    name: 'FIN before the stated length',
    begin: [up.head(200, [...SSE, ['Content-Length', '100']]), up.raw(EVENT)],
    end: [up.fin()],
    byCloseTo10: false,
  },
  {
    name: 'RST before the stated length',
    begin: [up.head(200, [...SSE, ['Content-Length', '100']]), up.raw(EVENT)],
    end: [up.rst()],
    byCloseTo10: false,
  },
  {
    name: 'RST of a body delimited by close',
    begin: [up.head(200, SSE), up.raw(EVENT)],
    end: [up.rst()],
    byCloseTo10: true,
  },
];

/** Breaks off once the client has what came before, and judges what it then sees. */
async function breakOff(t: Test, { begin, end, byCloseTo10 }: Break, version: '1.0' | '1.1'): Promise<void> {
  const gate = up.gate();
  lab.up.reply([...begin, gate, ...end]);
  const client = await lab.connect(t);
  const { id, field } = lab.tag();
  await client.send(requestBytes({ target: '/lab/any/stream', version, fields: [field] }));
  const body = client.body(await client.expectHead(), 'GET');
  t.equal(String(await body.atLeast(EVENT.length)).slice(0, EVENT.length), EVENT, 'what came is here');
  gate.open();
  t.match(String(await body.all()), /^(?:a)?$/, 'nothing of Weir’s is added');
  const byClose = byCloseTo10 && version === '1.0';
  t.equal(body.framing, byClose ? 'close' : byCloseTo10 ? 'chunked' : 'length');
  if (byClose) t.equal(body.ending, 'reset', 'a body delimited by close is reset');
  else t.ok(body.ending === 'finEarly' || body.ending === 'reset', `ends before its end: ${body.ending}`);
  const fact = await lab.fact(id);
  t.equal(fact.outcome, 'upstreamTruncated');
  t.equal(fact.status, 200);
  t.type(fact.errorCode, 'string');
}

for (const broken of BREAKS) {
  for (const version of ['1.1', '1.0'] as const) {
    t.test(`${broken.name}, to HTTP/${version}: never a clean end`, t => breakOff(t, broken, version));
  }
}

t.test(
  'a break in the middle of a big answer reaches the client as a break, and what it has is a prefix',
  async t => {
    const piece = Buffer.alloc(65_536, 'abcdefgh');
    for (const version of ['1.1', '1.0'] as const) {
      lab.up.reply([
        up.head(200, CHUNKED),
        ...Array<Step>(64).fill(up.chunk(piece)),
        up.raw('ffff\r\nabc'),
        up.rst(),
      ]);
      const { id, field } = lab.tag();
      const answer = await lab.ask({ target: '/lab/big', version, fields: [field] });
      t.not(answer.ending, 'complete', version);
      const whole = Buffer.concat([...Array<Buffer>(64).fill(piece), Buffer.from('abc')]);
      t.ok(answer.body.equals(whole.subarray(0, answer.body.length)), 'a prefix');
      t.equal((await lab.fact(id)).outcome, 'upstreamTruncated');
    }
  },
);

t.test('a body delimited by close that ends by FIN is whole', async t => {
  for (const version of ['1.1', '1.0'] as const) {
    lab.up.reply(up.closeDelimited(200, SSE, [EVENT, EVENT]));
    const { id, field } = lab.tag();
    const answer = await lab.ask({ target: '/lab/any/stream', version, fields: [field] });
    t.equal(answer.ending, 'complete', version);
    t.equal(String(answer.body), EVENT + EVENT);
    t.equal((await lab.fact(id)).outcome, 'complete');
  }
});

const DIALECTS: readonly (readonly [
  name: string,
  target: string,
  type: string,
  body: string,
  last: string,
])[] = [
  [
    'anthropic',
    '/anthropic/v1/messages',
    'text/event-stream',
    'event: ping\ndata: {"type":"ping"}\n\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ],
  [
    'openai-chat',
    '/openai/v1/chat/completions',
    'text/event-stream',
    'data: {"choices":[{"index":0,"delta":{}}]}\n\n',
    'data: [DONE]\n\n',
  ],
  [
    'openai-responses',
    '/openai/v1/responses',
    'text/event-stream',
    'event: response.created\ndata: {"type":"response.created","response":{}}\n\n',
    'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n',
  ],
  [
    'ollama',
    '/ollama/api/chat',
    'application/x-ndjson',
    '{"model":"m","done":false}\n',
    '{"model":"m","done":true}\n',
  ],
];

for (const [name, target, type, body, last] of DIALECTS) {
  t.test(
    `${name}: a stream by close without its last event is truncated, with it whole, and framed always whole`,
    async t => {
      const fields: Fields = [['Content-Type', type]];
      const run = async (
        version: '1.0' | '1.1',
        script: readonly Step[],
      ): Promise<[string, string, string]> => {
        lab.up.reply(script);
        const { id, field } = lab.tag();
        const request = { target, version, fields: [...AS_TEAM, field], body: '{"model":"m","stream":true}' };
        const answer = await lab.ask(request);
        return [answer.ending, (await lab.fact(id)).outcome, String(answer.body)];
      };
      for (const version of ['1.1', '1.0'] as const) {
        const [cutEnding, cutOutcome] = await run(version, up.closeDelimited(200, fields, [body]));
        t.equal(cutOutcome, 'upstreamTruncated', version);
        if (version === '1.0') t.equal(cutEnding, 'reset');
        else t.not(cutEnding, 'complete');
        t.same(
          await run(version, up.closeDelimited(200, fields, [body, last])),
          ['complete', 'complete', body + last],
          version,
        );
        t.same(await run(version, up.chunked(200, fields, [body])), ['complete', 'complete', body], version);
      }
    },
  );
}

t.test('a whole JSON answer by close needs no last event', async t => {
  lab.up.reply(up.closeDelimited(200, [['Content-Type', 'application/json']], ['{"id":"x","choices":[]}']));
  const { answer, fact } = await lab.askForFact({
    target: '/openai/v1/chat/completions',
    fields: AS_TEAM,
    body: '{"model":"m"}',
  });
  t.equal(answer.ending, 'complete');
  t.equal(fact.outcome, 'complete');
});

t.test('afterwards all is well', t => lab.check(t));
