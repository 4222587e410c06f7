import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Clock, Secret } from '../../../lib/base/index.ts';
import type { Warning } from '../../../lib/pipeline/index.ts';
import type { Ledger } from '../../../lib/store/index.ts';
import { PeriodLoop, type PeriodLoopOptions } from '../../../lib/usage/periods/period-loop.ts';
import type { SummarySettings } from '../../../lib/usage/summaries/settings.ts';
import { startSummaries, summaryLoop } from '../../../lib/usage/summaries/start-summaries.ts';
import { read } from '../../house/tree.ts';
import { factText } from '../../store/fact-text.ts';
import { must } from '../../store/must.ts';
import { storeOf } from '../export/stored.ts';
import { type Posted, Receiver } from '../webhook/receiver.ts';

const KEY = 'a secret of more than sixteen bytes';
const HOUR_MS = 3_600_000;
const GRACE_MS = 2 * HOUR_MS;
const at = (text: string): number => Date.parse(text);

class HeldClock implements Clock {
  nowMs: number;

  constructor(now: string) {
    this.nowMs = at(now);
  }

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }
}

interface Message {
  readonly type: string;
  readonly timestamp: string;
  readonly data: {
    readonly name: string;
    readonly period: { readonly name: string; readonly since: string; readonly until: string };
    readonly by: readonly string[];
    readonly subject: string | null;
    readonly totals: Readonly<Record<string, unknown>>;
    readonly rows: readonly Readonly<Record<string, unknown>>[];
    readonly truncated: boolean;
  };
}

function message({ body }: Posted): Message {
  return JSON.parse(body) as Message;
}

/** A store, a receiver and one entry of `usage.summaries`. A loop begins with what the store says. */
async function scene(t: Test, facts: readonly string[], more: Partial<SummarySettings> = {}) {
  const { ledger } = await storeOf(t, facts);
  const receiver = await Receiver.start(t);
  const warnings: Warning[] = [];
  const clock = new HeldClock('2026-11-11T00:00:00Z');
  const summary: SummarySettings = {
    name: 'weekly',
    every: 'week',
    by: ['subject', 'model'],
    url: receiver.url,
    secret: new Secret(KEY),
    ...more,
  };
  const house = { clock, warn: (warning: Warning) => void warnings.push(warning) };
  const current = { is: true };
  const options = { graceMs: GRACE_MS, caughtUp: async () => current.is, delayMs: 0, idleMs: 2 };
  const loop = (over: Partial<PeriodLoopOptions> = {}, of: Ledger = ledger) =>
    new PeriodLoop({ ...summaryLoop(summary, of, house, options), ...over });
  return { ledger, receiver, warnings, clock, summary, house, options, current, loop };
}

/** What the command prints that the docs show to receivers. */
function signedAsDocumented(t: Test, { headers, body }: Posted): string {
  const command = /```sh\n(.*openssl dgst.*)\n```/.exec(read('docs/exports.md'))![1]!;
  writeFileSync(join(t.testdirName, 'body.json'), body);
  const env = {
    PATH: process.env.PATH,
    ID: String(headers['webhook-id']),
    TIMESTAMP: String(headers['webhook-timestamp']),
    SECRET: KEY,
  };
  return execFileSync('sh', ['-ec', command], { cwd: t.testdirName, env, encoding: 'utf8' }).trim();
}

/** Facts on two days of two weeks. */
const FACTS = [
  factText(1, { time: '2026-11-10T10:00:00.000Z', costNanos: 5 }),
  factText(2, { time: '2026-11-15T23:59:59.999Z', costNanos: Number.MAX_SAFE_INTEGER }),
  factText(3, { time: '2026-11-15T10:00:00.000Z', subject: 'bob', costNanos: Number.MAX_SAFE_INTEGER }),
  factText(4, { time: '2026-11-16T00:00:00.000Z', subject: 'carol' }),
];

t.test('after a week one message, signed, with what the store says of it', async t => {
  const { ledger, receiver, clock, loop } = await scene(t, FACTS);
  const weekly = loop();
  t.equal(await weekly.pass(), true);
  t.equal(receiver.posted.length, 0, 'nothing of the time before it was configured');
  clock.nowMs = at('2026-11-16T01:59:59.999Z');
  t.equal(await weekly.pass(), true);
  t.equal(receiver.posted.length, 0, 'facts of the week may still come');
  clock.nowMs = at('2026-11-16T02:00:00Z');
  t.equal(await weekly.pass(), true);
  t.equal(await weekly.pass(), true);
  t.equal(receiver.posted.length, 1);
  const [posted] = receiver.posted;
  const { headers, body } = posted!;
  t.equal(headers['webhook-id'], 'summary_weekly_2026-W46');
  t.equal(headers['webhook-timestamp'], String(clock.nowMs / 1000));
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  t.equal(headers['webhook-signature'], `v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`);
  t.equal(`v1,${signedAsDocumented(t, posted!)}`, headers['webhook-signature']);
  const { type, data } = message(posted!);
  t.equal(type, 'usage.summary');
  t.strictSame(data.period, {
    name: '2026-W46',
    since: '2026-11-09T00:00:00.000Z',
    until: '2026-11-16T00:00:00.000Z',
  });
  t.strictSame(
    data.rows.map(({ group, requests }) => [group, requests]),
    [
      [{ subject: 'alice', model: 'small-2026' }, 2],
      [{ subject: 'bob', model: 'small-2026' }, 1],
    ],
  );
  t.equal(data.truncated, false);
  t.equal(data.totals.requests, 3);
  const filter = { sinceMs: at('2026-11-09T00:00:00Z'), untilMs: at('2026-11-16T00:00:00Z') };
  const [whole] = (await must(ledger.summary({ ...filter, by: [], limit: 1 }))).rows;
  t.ok(body.includes(`"costNanos":${whole!.costNanos}}`), 'to the nano-dollar, past what a double holds');
});

t.test('what has not reached the store yet is waited for', async t => {
  const { receiver, clock, current, loop } = await scene(t, FACTS);
  const weekly = loop();
  await weekly.pass();
  clock.nowMs = at('2026-11-17T00:00:00Z');
  current.is = false;
  t.equal(await weekly.pass(), false);
  t.equal(receiver.posted.length, 0);
  t.strictSame(weekly.degraded(), []);
  current.is = true;
  t.equal(await weekly.pass(), true);
  t.equal(receiver.posted.length, 1);
});

t.test('it is tried again until it is delivered, always under the same id', async t => {
  const { receiver, warnings, clock, loop } = await scene(t, FACTS);
  const weekly = loop();
  await weekly.pass();
  clock.nowMs = at('2026-11-17T00:00:00Z');
  receiver.respond = response => response.writeHead(500).end('what a receiver says is not repeated');
  t.equal(await weekly.pass(), false);
  t.equal(await weekly.pass(), false);
  t.equal(weekly.failures, 2);
  t.equal(weekly.done, 0);
  const [degradation] = weekly.degraded();
  t.equal(degradation!.code, 'summary_failing');
  t.equal(degradation!.refuses, false);
  t.match(degradation!.message, '2026-W46');
  t.notMatch(degradation!.message, 'not repeated');
  receiver.respond = response => response.writeHead(204).end();
  t.equal(await weekly.pass(), true);
  t.strictSame(weekly.degraded(), []);
  t.equal(weekly.done, 1);
  t.strictSame(
    receiver.posted.map(({ headers }) => headers['webhook-id']),
    Array(3).fill('summary_weekly_2026-W46'),
  );
  t.strictSame(
    warnings.map(({ code }) => code),
    ['summary_failing', 'summary_recovered'],
  );
});

t.test('after a downtime the weeks that were missed, in their order, each once', async t => {
  const { receiver, clock, loop } = await scene(t, FACTS, { every: 'week' });
  await loop().pass();
  clock.nowMs = at('2026-11-30T12:00:00Z');
  t.equal(await loop().pass(), true);
  t.equal(await loop().pass(), true, 'another process on the same store has nothing to do');
  t.strictSame(
    receiver.posted.map(posted => message(posted).data.period.name),
    ['2026-W46', '2026-W47', '2026-W48'],
  );
  const { totals, rows } = message(receiver.posted[2]!).data;
  t.strictSame(rows, [], 'a week without use is told too');
  t.hasStrict(totals, { requests: 0, inputTokens: null, costNanos: null });
});

t.test('what is long past is left out, and said so', async t => {
  const { receiver, warnings, clock, loop } = await scene(t, FACTS);
  await loop().pass();
  clock.nowMs = at('2027-11-17T00:00:00Z');
  t.equal(await loop().pass(), true);
  t.equal(receiver.posted.length, 12);
  t.equal(message(receiver.posted[11]!).data.period.name, '2027-W45');
  t.equal(message(receiver.posted[0]!).data.period.name, '2027-W34');
  t.strictSame(
    warnings.map(({ code }) => code),
    ['summary_skipped'],
  );
});

t.test('a crash between the message and the mark sends it again under the same id', async t => {
  const { ledger, receiver, clock, loop } = await scene(t, FACTS);
  await loop().pass();
  clock.nowMs = at('2026-11-17T00:00:00Z');
  t.equal(await loop({}, withoutAppend(ledger)).pass(), false);
  t.equal(await loop().pass(), true);
  const ids = receiver.posted.map(({ headers }) => headers['webhook-id']);
  t.strictSame(ids, Array(2).fill('summary_weekly_2026-W46'));
});

/** A ledger that cannot be written to. */
function withoutAppend(ledger: Ledger): Ledger {
  return new Proxy(ledger, {
    get: (target, name: keyof Ledger) => {
      if (name === 'append') return async () => ({ ok: false, problem: 'the store is away' });
      const member: unknown = target[name];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

t.test('one subject, one month, other groups', async t => {
  const { receiver, clock, loop } = await scene(t, FACTS, {
    name: 'bob',
    every: 'month',
    by: ['day'],
    subject: 'bob',
  });
  await loop().pass();
  clock.nowMs = at('2026-12-01T03:00:00Z');
  t.equal(await loop().pass(), true);
  t.equal(receiver.posted.length, 1);
  const { data } = message(receiver.posted[0]!);
  t.equal(data.subject, 'bob');
  t.equal(data.period.name, '2026-11');
  t.equal(data.totals.requests, 1);
  t.strictSame(
    data.rows.map(({ group }) => group),
    [{ day: '2026-11-15' }],
  );
});

t.test('more rows than a message holds are cut, and the totals count them all', async t => {
  const facts = Array.from({ length: 1200 }, (_, i) =>
    factText(i + 1, { time: '2026-11-10T10:00:00.000Z', subject: `s${i}`, costNanos: i }),
  );
  const { receiver, clock, loop } = await scene(t, facts);
  await loop().pass();
  clock.nowMs = at('2026-11-17T00:00:00Z');
  await loop().pass();
  const { data } = message(receiver.posted[0]!);
  t.equal(data.rows.length, 1000);
  t.equal(data.truncated, true);
  t.hasStrict(data.rows[0]!.group, { subject: 's1199' });
  t.equal(data.totals.requests, 1200);
  t.equal(data.totals.costNanos, (1199 * 1200) / 2);
});

t.test('what a reload replaced sends nothing any more', async t => {
  const { ledger, receiver, clock, summary, house, options } = await scene(t, FACTS);
  const old = startSummaries([summary], ledger, house, options);
  old.retire!(true);
  const other = { ...summary, url: `${receiver.url}/new` };
  const next = startSummaries([other], ledger, house, options);
  while ((await must(ledger.cursors('summary:weekly'))).size === 0);
  clock.nowMs = at('2026-11-24T00:00:00Z');
  await receiver.changes.until(() => receiver.posted.length === 2, 'two weeks');
  await Promise.all([old.close!(), next.close!()]);
  t.strictSame([...new Set(receiver.posted.map(({ path }) => path))], ['/facts/new']);
});

t.test('it runs by itself, and ends at once while a receiver says nothing', async t => {
  const { ledger, receiver, clock, summary, house, options } = await scene(t, FACTS);
  await must(
    ledger.append([], [{ sink: 'summary:weekly', place: '2026-W45', position: at('2026-11-09T00:00:00Z') }]),
  );
  clock.nowMs = at('2026-11-17T00:00:00Z');
  const part = startSummaries([summary], ledger, house, options);
  await receiver.changes.until(() => receiver.posted.length === 1, 'the message');
  const sent = (): number => part.metrics![0]!.read()[0]!.value;
  while (sent() === 0) await new Promise(resolve => setImmediate(resolve));
  t.strictSame(part.metrics![0]!.read(), [{ labels: { summary: 'weekly' }, value: 1 }]);
  receiver.respond = () => {};
  clock.nowMs = at('2026-11-24T00:00:00Z');
  await receiver.changes.until(() => receiver.posted.length === 2, 'the next');
  await part.close!();
  t.equal(sent(), 1);
});

t.test('what is told to end while it asks the store begins no work', async t => {
  const { ledger, clock, loop } = await scene(t, FACTS);
  clock.nowMs = at('2026-11-24T00:00:00Z');
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const slow = Object.assign(Object.create(ledger) as Ledger, {
    cursors: async () => {
      asked.resolve();
      await answer.promise;
      return { ok: true, value: new Map([['2026-W46', at('2026-11-16T00:00:00Z')]]) };
    },
  });
  const begun: string[] = [];
  const run: PeriodLoopOptions['run'] = async ({ name }) => {
    begun.push(name);
    return { ok: true };
  };
  const running = loop({ run }, slow);
  running.start();
  await asked.promise;
  const closed = running.close();
  answer.resolve();
  await closed;
  t.strictSame(begun, []);
});
