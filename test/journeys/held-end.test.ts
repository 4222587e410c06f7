import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { Exchanged, RequestParts } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, type Lab, startLab } from './lab.ts';

/** How long the disk takes for a write below: an answer that does not wait for it is over long before. */
const SLOW_DISK_MS = 60;
const CHAT = '/openai/v1/chat/completions';
const STREAMED = '{"model":"m","stream":true}';
const JSON_TYPE: Fields = [['Content-Type', 'application/json']];
const SSE: Fields = [['Content-Type', 'text/event-stream']];

/** Loaded before the binary: every asynchronous write(2) begins late. */
const SLOW_DISK = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { write } = fs;
fs.write = (...args) => void setTimeout(() => write(...args), ${SLOW_DISK_MS});
syncBuiltinESMExports();
`;

const folder = mkdtempSync(join(tmpdir(), 'weir-slow-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'slow-disk.mjs'), SLOW_DISK);
const slow = { NODE_OPTIONS: `--import=${pathToFileURL(join(folder, 'slow-disk.mjs'))}` };
// An end is never released before its fact is written.
const held = await startLab(t, { config: { usage: { holdMs: 60_000 } }, weir: { env: slow } });
const plain = await startLab(t, { config: { usage: { holdMs: 10_000 } } });

/** Asks, and reads the journal with the last byte of the answer in hand. */
async function askThenRead(lab: Lab, parts: RequestParts) {
  const { id, field } = lab.tag();
  const answer = await lab.ask({ ...parts, fields: [...(parts.fields ?? []), field] });
  const facts = lab.weir.journal().facts.filter(({ requestId }) => requestId === id);
  return { answer, facts };
}

interface Case {
  readonly name: string;
  readonly script: up.Script;
  readonly parts?: Partial<RequestParts>;
  readonly status?: number;
  readonly body?: string;
}

const CASES: readonly Case[] = [
  { name: 'Content-Length: 0', script: up.respond(200, [], ''), body: '' },
  { name: 'a length', script: up.respond(200, JSON_TYPE, '{"a":1}'), body: '{"a":1}' },
  {
    name: 'a length, byte by byte',
    script: [up.splitEvery(1), ...up.respond(200, [], 'abcdef')],
    body: 'abcdef',
  },
  { name: 'chunked', script: up.chunked(200, SSE, ['data: 1\n\n', 'data: 2\n\n']) },
  { name: 'chunked and empty', script: up.chunked(200, [], []), body: '' },
  { name: 'close-delimited', script: up.closeDelimited(200, [], ['a', 'b']), body: 'ab' },
  {
    name: 'HEAD',
    script: [up.head(200, [['Content-Length', '5']])],
    parts: { method: 'HEAD' },
    body: '',
  },
  { name: '204', script: [up.head(204)], status: 204, body: '' },
  { name: '304', script: [up.head(304, [['ETag', '"x"']])], status: 304, body: '' },
  { name: 'an error', script: up.respond(500, JSON_TYPE, '{"error":1}'), status: 500 },
  { name: 'an empty error', script: up.respond(403, [], ''), status: 403, body: '' },
  {
    name: 'a managed error',
    script: up.respond(403, JSON_TYPE, '{"error":{}}'),
    parts: { target: CHAT, fields: AS_TEAM, body: STREAMED },
    status: 403,
  },
];

for (const { name, script, parts, status = 200, body } of CASES) {
  t.test(`${name}: who has the whole answer finds its fact in the journal`, async t => {
    for (const [lab, rounds] of [
      [held, 2],
      [plain, 2],
    ] as const) {
      for (let round = 0; round < rounds; round++) {
        lab.up.reply(script);
        const { answer, facts } = await askThenRead(lab, { target: '/lab/v1/x', ...parts });
        t.equal(answer.status, status);
        t.equal(answer.ending, 'complete');
        if (body !== undefined) t.equal(String(answer.body), body);
        t.match(facts, [{ status, outcome: 'complete', responseBytes: answer.body.length }]);
        t.equal(facts.length, 1, 'once');
      }
    }
  });
}

/** What a managed stream that asks for usage is answered with. */
async function injected(t: Test, lab: Lab, script: up.Script): Promise<Exchanged> {
  lab.up.reply(script);
  const { answer, facts } = await askThenRead(lab, { target: CHAT, fields: AS_TEAM, body: STREAMED });
  const { body } = lab.up.requests.at(-1)!;
  t.match(JSON.parse(String(body)), { stream_options: { include_usage: true } }, 'usage was asked for');
  t.equal(facts.length, 1);
  t.equal(answer.ending, 'complete');
  return answer;
}

t.test('an answer of which nothing is taken out keeps its length although usage was asked for', async t => {
  const error = '{"error":{"message":"slow down"}}';
  const zipped = gzipSync('data: {"choices":[],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n');
  for (const lab of [held, plain]) {
    for (const status of [400, 403, 503]) {
      const answer = await injected(t, lab, up.respond(status, JSON_TYPE, error));
      t.equal(answer.status, status);
      t.equal(answer.head.value('content-length'), String(error.length), String(status));
      t.equal(answer.head.value('transfer-encoding'), null);
      t.equal(String(answer.body), error);
    }
    const fields: Fields = [...SSE, ['Content-Encoding', 'gzip']];
    const answer = await injected(t, lab, up.respond(200, fields, zipped));
    t.equal(answer.head.value('content-length'), String(zipped.length), 'encoded');
    t.equal(answer.head.value('content-encoding'), 'gzip');
    t.ok(answer.body.equals(zipped), 'every byte of it');
  }
});

t.test('one of which the usage event is taken out does not', async t => {
  const rest = 'data: {"choices":[{"delta":{}}]}\n\ndata: [DONE]\n\n';
  const usage = 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n';
  const answer = await injected(t, held, up.respond(200, SSE, usage + rest));
  t.equal(answer.head.value('content-length'), null);
  t.equal(String(answer.body), rest);
});

t.test('afterwards all is well', async t => {
  await held.check(t);
  await plain.check(t);
});
