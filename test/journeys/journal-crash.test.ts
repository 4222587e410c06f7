import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runMain } from '../cli/run-main.ts';
import { RawClient, requestBytes } from '../client/index.ts';
import { readJournal } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, type Lab, startLab } from './lab.ts';

t.setTimeout(170_000);

const RUNS = 20;
/** Clients that ask one after the other, and those whose answer never ends. */
const QUICK_CLIENTS = 8;
const HELD_CLIENTS = 4;
const QUICK = '/openai/v1/chat/completions';
const UNMANAGED = '/lab/v1/quick';
const HELD = '/openai/v1/responses';
const BODY = '{"model":"m","stream":true}';
const STREAM: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];
const EVENT = 'data: 1\n\n';

/** What clients saw, by request id. */
interface Seen {
  /** Their last byte came. */
  readonly completed: string[];
  /** A first byte of a managed answer came, and the last one never. */
  readonly cut: string[];
  /** The same, of answers that the provider never ended. */
  readonly held: string[];
  /** What should not be: every request here is a good one. */
  readonly refused: string[];
}

const folder = mkdtempSync(join(tmpdir(), 'weir-crash-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const journal = join(folder, 'data/journal');

/** Nothing ends before its fact is written, however slow the disk is. */
function start(t: Test): Promise<Lab> {
  return startLab(t, { config: { usage: { holdMs: 60_000, fsync: 'none' } }, weir: { cwd: folder } });
}

/** One request; false when the gateway is gone. */
async function ask(lab: Lab, id: string, target: string, seen: Seen): Promise<boolean> {
  let client: RawClient | null = null;
  try {
    client = await RawClient.connect(lab.port);
    const credential = target === UNMANAGED ? [] : AS_TEAM;
    await client.send(requestBytes({ target, fields: [...credential, ['X-Request-Id', id]], body: BODY }));
    const head = await client.expectHead();
    if (head.status !== 200) seen.refused.push(`${id} ${head.status} ${head.value('x-weir-error')}`);
    const body = client.body(head, 'POST');
    await body.all();
    if (body.ending === 'complete') seen.completed.push(id);
    else if (target === HELD) seen.held.push(id);
    else if (target !== UNMANAGED) seen.cut.push(id);
    return body.ending === 'complete';
  } catch {
    // Killed before the answer began: nothing is promised to this client.
    return false;
  } finally {
    client?.destroy();
  }
}

async function askAgainAndAgain(lab: Lab, name: string, target: string, seen: Seen): Promise<void> {
  for (let n = 0; await ask(lab, `${name}-${n}`, target, seen); n++);
}

/** Kills the gateway in the middle of its traffic, after so many answers of this run. */
async function killUnderLoad(t: Test, run: number, seen: Seen): Promise<void> {
  const lab = await start(t);
  lab.up.reply([up.head(200, STREAM), up.chunk(EVENT), up.chunk(EVENT), up.last()]);
  lab.up.on('POST', '/v1/responses', [up.head(200, STREAM), up.chunk(EVENT), up.gate()]);
  const before = seen.completed.length;
  const clients = [
    ...Array.from({ length: HELD_CLIENTS }, (_, i) => ask(lab, `held-${run}-${i}`, HELD, seen)),
    ...Array.from({ length: QUICK_CLIENTS }, (_, i) =>
      askAgainAndAgain(lab, `quick-${run}-${i}`, i % 4 === 0 ? UNMANAGED : QUICK, seen),
    ),
  ];
  const answered = Math.floor(Math.random() * 60);
  await lab.up.changes.until(() => seen.completed.length - before >= answered, 'answers before the kill');
  await lab.weir.stop('SIGKILL');
  await Promise.all(clients);
}

t.test(
  `killed ${RUNS} times: what clients have is on record once, and what was cut is lost once`,
  async t => {
    const seen: Seen = { completed: [], cut: [], held: [], refused: [] };
    for (let run = 0; run < RUNS; run++) await t.test(`run ${run}`, t => killUnderLoad(t, run, seen));
    for (let restart = 0; restart < 2; restart++) {
      const lab = await start(t);
      t.same(await lab.weir.stop('SIGTERM'), { code: 0, signal: null });
    }
    const { facts } = readJournal(journal);
    t.comment(
      `${seen.completed.length} completed responses, ${seen.cut.length + seen.held.length} cut, ${facts.length} facts, ${facts.length - new Set(facts.map(({ id }) => id)).size} duplicates`,
    );
    t.strictSame(seen.refused, [], 'no request was refused');
    const byRequest = Map.groupBy(facts, ({ requestId }) => requestId);
    const outcomes = (ids: readonly string[]) =>
      [...new Set(ids.map(id => (byRequest.get(id) ?? []).map(({ outcome }) => outcome).join()))].sort();
    t.ok(seen.held.length > RUNS && seen.completed.length > RUNS, 'there was something to lose');
    t.strictSame(outcomes(seen.completed), ['complete'], 'each response that a client has whole');
    t.strictSame(outcomes(seen.held), ['lost'], 'each that the provider had not ended');
    t.ok(
      outcomes(seen.cut).every(outcome => outcome === 'lost' || outcome === 'complete'),
      'each that was cut near its end has one fact',
    );
    t.equal(new Set(facts.map(({ id }) => id)).size, facts.length, 'no id twice');
    t.equal(new Set(facts.map(({ requestId }) => requestId)).size, facts.length, 'no request twice');
    t.ok(
      facts.every(
        ({ outcome, keyId, poolKey }) => outcome !== 'lost' || (keyId === 'team-key' && poolKey === 'pool-1'),
      ),
      'what is lost was managed, and says whose it was',
    );
    const { status, stdout } = await runMain(['usage', 'check', '--journal', journal, '--json']);
    t.equal(status, 0, 'weir usage check agrees');
    const report = JSON.parse(stdout) as {
      ok: boolean;
      boots: { facts: number; open: number; ended: boolean }[];
    };
    t.equal(
      report.boots.reduce((sum, boot) => sum + boot.facts, 0),
      facts.length,
    );
    t.ok(report.boots.every(({ open, ended }) => open === 0 && ended));
  },
);
