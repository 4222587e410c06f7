import { createHmac } from 'node:crypto';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Clock, Secret } from '../../../lib/base/index.ts';
import type { Fact, Warning } from '../../../lib/pipeline/index.ts';
import { journalLine } from '../../../lib/usage/journal-line.ts';
import { Sink } from '../../../lib/usage/sinks/sink.ts';
import { WebhookOutlet } from '../../../lib/usage/webhook/webhook-outlet.ts';
import { factOf, factTexts } from '../../store/fact-text.ts';
import { type Posted, Receiver } from './receiver.ts';

const SECRET = 'correct horse battery staple';

async function scene(t: Test) {
  const journal = join(t.testdir(), 'journal');
  mkdirSync(journal);
  const receiver = await Receiver.start(t);
  const warnings: Warning[] = [];
  let nowMs = 1_700_000_000_000;
  const clock: Clock = { wallMs: () => nowMs, monotonicMs: () => nowMs };
  const url = `${receiver.url}?token=hush`;
  const settings = { name: 'audit', url, secret: new Secret(SECRET), batch: 3, timeoutMs: 5000 };
  const outlet = new WebhookOutlet(settings, clock);
  const sink = new Sink({ journal, outlet, warn: warning => warnings.push(warning), idleMs: 2 });
  t.teardown(() => sink.close());
  const write = (first: number, last: number): void => {
    for (let seq = first; seq <= last; seq++)
      appendFileSync(join(journal, 'box-00000000000000aa-0-0.ndjson'), journalLine(factOf(seq)));
  };
  const advance = (ms: number): void => {
    nowMs += ms;
  };
  return { receiver, sink, warnings, write, advance };
}

/** As a receiver would: the facts of a message whose signature is right. */
function verified({ headers, body }: Posted): readonly Fact[] {
  const { 'webhook-id': id, 'webhook-timestamp': at } = headers;
  const mac = createHmac('sha256', SECRET).update(`${id}.${at}.${body}`).digest('base64');
  if (headers['webhook-signature'] !== `v1,${mac}`) throw new Error('the signature is wrong');
  const { type, data } = JSON.parse(body) as { type: string; data: Fact[] };
  if (type !== 'usage.facts') throw new Error(`type ${type}`);
  return data;
}

t.test('facts come in signed batches, as they are', async t => {
  const s = await scene(t);
  s.write(1, 8);
  t.equal(await s.sink.pass(), true);
  const data = s.receiver.posted.flatMap(verified);
  t.strictSame(
    data.map(fact => JSON.stringify(fact)),
    factTexts(1, 8),
  );
  t.strictSame(
    s.receiver.posted.map(posted => verified(posted).length),
    [3, 3, 2],
  );
  const [first] = s.receiver.posted;
  t.equal(first!.path, '/facts?token=hush');
  t.equal(first!.headers['webhook-timestamp'], '1700000000');
  t.match(first!.headers['webhook-id'], /^facts_[0-9a-f]{32}$/);
  t.match(first!.headers['content-type'], /^application\/json/);
  t.strictSame(s.warnings, []);
});

t.test('a batch that is tried again has the same id and another time', async t => {
  const s = await scene(t);
  s.write(1, 2);
  s.receiver.respond = response => response.writeHead(503, { 'retry-after': '120' }).end();
  t.equal(await s.sink.pass(), false);
  t.ok(s.sink.progress.retryMs! >= 120_000, 'not sooner than it asks');
  s.advance(120_000);
  s.receiver.respond = response => response.writeHead(200).end('ok');
  t.equal(await s.sink.pass(), true);
  const [one, two] = s.receiver.posted.map(({ headers }) => headers);
  t.equal(one!['webhook-id'], two!['webhook-id']);
  t.equal(Number(two!['webhook-timestamp']) - Number(one!['webhook-timestamp']), 120);
  t.strictSame(s.receiver.posted.map(verified), [
    verified(s.receiver.posted[0]!),
    verified(s.receiver.posted[1]!),
  ]);
  s.write(3, 3);
  await s.sink.pass();
  t.not(s.receiver.posted[2]!.headers['webhook-id'], one!['webhook-id'], 'another message, another id');
});

t.test('what it refuses is not lost, and what it says is not repeated', async t => {
  const s = await scene(t);
  s.write(1, 2);
  s.receiver.respond = response => response.writeHead(400).end('a canary in the body');
  for (let i = 0; i < 3; i++) t.equal(await s.sink.pass(), false);
  t.ok(s.sink.progress.retryMs! > 400, 'slower and slower');
  const said = JSON.stringify([s.warnings, s.sink.degraded()]);
  t.match(said, /the webhook audit \(127\.0\.0\.1:\d+\) \(it answered 400\)/);
  for (const secret of ['canary', 'hush', SECRET]) t.notOk(said.includes(secret), secret);
  s.receiver.respond = response => response.writeHead(204).end();
  t.equal(await s.sink.pass(), true);
  t.strictSame(verified(s.receiver.posted.at(-1)!), [factOf(1), factOf(2)]);
});

t.test('410 ends it', async t => {
  const s = await scene(t);
  s.write(1, 2);
  s.receiver.respond = response => response.writeHead(410).end();
  t.equal(await s.sink.pass(), false);
  t.strictSame(
    s.sink.degraded().map(({ code, refuses }) => [code, refuses]),
    [['sink_gone', false]],
  );
  await s.sink.close();
  t.equal(s.receiver.posted.length, 1, 'not asked again');
});
