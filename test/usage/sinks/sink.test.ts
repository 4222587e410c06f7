import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Warning } from '../../../lib/pipeline/index.ts';
import type { FactText, Obstacle } from '../../../lib/usage/journal-follower.ts';
import { journalLine } from '../../../lib/usage/journal-line.ts';
import type { FactOutlet } from '../../../lib/usage/sinks/fact-outlet.ts';
import { Sink, type SinkOptions } from '../../../lib/usage/sinks/sink.ts';
import { Changes, within } from '../../deadline/index.ts';
import { factOf, factTexts } from '../../store/fact-text.ts';

const SEGMENT = 'box-00000000000000aa-0-0.ndjson';
const AWAY: Obstacle = { problem: 'it is away', afterMs: null };

/** Takes what it is given, or says what stands in the way. */
class Outlet implements FactOutlet {
  readonly place = 'the outlet';
  readonly taken: string[] = [];
  readonly batches: number[] = [];
  readonly changes = new Changes();
  readonly name: string;
  readonly batchFacts: number;
  tries = 0;
  obstacle: Obstacle | null = null;
  closed = false;

  constructor(name = 'one', batchFacts = 100) {
    this.name = name;
    this.batchFacts = batchFacts;
  }

  async deliver(facts: readonly FactText[], _signal: AbortSignal): Promise<Obstacle | null> {
    this.tries++;
    if (this.obstacle === null) {
      this.taken.push(...facts.map(({ text }) => text));
      this.batches.push(facts.length);
    }
    this.changes.notify();
    return this.obstacle;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

interface Scene {
  readonly journal: string;
  readonly warnings: Warning[];
  readonly changes: Changes;
  write(first: number, last: number, segment?: string): void;
  sink(outlet: FactOutlet, more?: Partial<SinkOptions>): Sink;
}

function scene(t: Test): Scene {
  const journal = join(t.testdir(), 'journal');
  mkdirSync(journal);
  const warnings: Warning[] = [];
  const changes = new Changes();
  return {
    journal,
    warnings,
    changes,
    write: (first, last, segment = SEGMENT) => {
      let text = '';
      for (let seq = first; seq <= last; seq++) text += journalLine(factOf(seq));
      appendFileSync(join(journal, segment), text);
    },
    sink: (outlet, more = {}) => {
      const warn = (warning: Warning): void => {
        warnings.push(warning);
        changes.notify();
      };
      const sink = new Sink({ journal, outlet, warn, idleMs: 2, ...more });
      t.teardown(() => sink.close());
      return sink;
    },
  };
}

t.test('facts are brought in batches, and it goes on where it stopped', async t => {
  const s = scene(t);
  s.write(1, 250);
  const first = new Outlet();
  const sink = s.sink(first);
  t.equal(await sink.pass(), true);
  t.strictSame(first.taken, factTexts(1, 250));
  t.strictSame(first.batches, [100, 100, 50]);
  t.equal(sink.progress.facts, 250);
  t.equal(sink.progress.backlogBytes, 0);
  s.write(251, 252);
  await within(sink.close(), 'what is left');
  t.ok(first.closed);
  s.write(253, 253);
  const second = new Outlet();
  await s.sink(second).pass();
  t.strictSame(second.taken, factTexts(253, 253), 'after a restart only what is new');
  t.strictSame(first.taken, factTexts(1, 252));
});

t.test('each sink has a cursor of its own, and one that is away holds no other up', async t => {
  const s = scene(t);
  const [here, away] = [new Outlet('here'), new Outlet('away')];
  away.obstacle = AWAY;
  const [one, two] = [s.sink(here), s.sink(away)];
  s.write(1, 150);
  one.start();
  two.start();
  await here.changes.until(() => here.taken.length === 150, 'the one that is there');
  await s.changes.until(() => s.warnings.length > 0, 'a word about the other');
  t.strictSame(
    s.warnings.map(({ code }) => code),
    ['sink_failing'],
  );
  t.match(s.warnings[0]!.message, /the outlet \(it is away\)\. The journal keeps them/);
  t.strictSame(two.degraded(), [
    { code: 'sink_failing', message: 'facts do not reach the outlet (it is away)', refuses: false },
  ]);
  t.strictSame(one.degraded(), []);
  t.ok(two.progress.backlogBytes > 0 && two.progress.behindSinceMs !== null);
  away.obstacle = null;
  await away.changes.until(() => away.taken.length === 150, 'the other');
  await s.changes.until(() => s.warnings.length === 2, 'a word about its return');
  t.equal(s.warnings[1]!.code, 'sink_recovered');
  t.strictSame(away.taken, factTexts(1, 150), 'nothing is lost and nothing is twice');
  t.ok(away.tries < 12, `${away.tries} tries: it backs off`);
  t.strictSame(two.degraded(), []);
});

t.test('it waits for as long as it is asked to, and what wants no more is left alone', async t => {
  const s = scene(t);
  s.write(1, 1);
  const outlet = new Outlet();
  outlet.obstacle = { problem: 'later', afterMs: 60_000 };
  const sink = s.sink(outlet);
  await sink.pass();
  t.ok(sink.progress.retryMs! >= 60_000);
  outlet.obstacle = null;
  await sink.pass();
  t.equal(sink.progress.retryMs, null);

  const gone = new Outlet('gone');
  gone.obstacle = { problem: 'it answered 410', afterMs: null, isFinal: true };
  const ended = s.sink(gone);
  ended.start();
  await s.changes.until(() => s.warnings.some(({ code }) => code === 'sink_gone'), 'the end');
  await within(ended.close(), 'a sink that is gone');
  t.equal(gone.tries, 1);
  t.strictSame(
    ended.degraded().map(({ code, refuses }) => [code, refuses]),
    [['sink_gone', false]],
  );
  const again = new Outlet('gone');
  await s.sink(again).pass();
  t.strictSame(again.taken, factTexts(1, 1), 'a restart tries again, from where it was');
});

t.test('the end of a process waits for no outlet that hangs', async t => {
  const s = scene(t);
  s.write(1, 1);
  const hanging = new Outlet();
  hanging.deliver = (_, signal) =>
    new Promise(resolve => signal.addEventListener('abort', () => resolve(AWAY)));
  const sink = s.sink(hanging, { closeMs: 20 });
  sink.start();
  await within(sink.close(), 'the end');
  t.strictSame(s.warnings, []);
  const next = new Outlet();
  await s.sink(next).pass();
  t.strictSame(next.taken, factTexts(1, 1));
});

t.test('of two that share a journal one feeds a sink, and the other takes over', async t => {
  const s = scene(t);
  const [first, second] = [new Outlet(), new Outlet()];
  const [feeds, waits] = [s.sink(first), s.sink(second)];
  s.write(1, 3);
  await feeds.pass();
  t.equal(await waits.pass(), false);
  t.ok(waits.progress.standsBy);
  t.strictSame(waits.degraded(), [], 'nothing is wrong');
  t.equal(waits.progress.failures, 0);
  s.write(4, 4);
  await feeds.close();
  s.write(5, 5);
  t.equal(await waits.pass(), true);
  t.strictSame([...first.taken, ...second.taken], factTexts(1, 5));
  t.strictSame(s.warnings, []);
});

t.test('a cursor that cannot be read or kept is said, and nothing is skipped', async t => {
  const s = scene(t);
  s.write(1, 2);
  const cursor = `${s.journal}.one.cursor`;
  for (const damaged of ['{"v":1,"positions":{"a":-1}}', 'x', '{"v":2,"positions":{}}']) {
    writeFileSync(cursor, damaged);
    const outlet = new Outlet();
    const sink = s.sink(outlet);
    t.equal(await sink.pass(), false);
    t.match(
      sink.degraded()[0]!.message,
      /is damaged: remove it to have everything in the journal sent again/,
    );
    t.strictSame(outlet.taken, []);
    await sink.close();
  }
  writeFileSync(cursor, '{"v":1,"positions":{}}');
  mkdirSync(`${cursor}.tmp`);
  const outlet = new Outlet();
  t.equal(await s.sink(outlet).pass(), false);
  t.equal(readFileSync(cursor, 'utf8'), '{"v":1,"positions":{}}');
  t.strictSame(outlet.taken, factTexts(1, 2));
});

t.test('kill -9 at any moment: everything arrives at least once', async t => {
  const s = scene(t);
  s.write(1, 3000);
  const list = join(s.journal, '..', 'taken');
  for (let run = 0; ; run++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'endless-sink.ts'), s.journal, list], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // Killed after some batches, whichever step it is at by then; the last one may finish.
    let batches = 0;
    child.stdout.on('data', (text: Buffer) => {
      batches += text.length;
      if (run < 6 && batches > 3 + run) child.kill('SIGKILL');
    });
    const [code] = (await within(once(child, 'close'), 'the process')) as [number | null];
    if (code === 0) break;
    t.ok(run < 6, 'killed');
  }
  t.ok(existsSync(list));
  const taken = readFileSync(list, 'utf8').trimEnd().split('\n');
  t.strictSame([...new Set(taken)], factTexts(1, 3000));
  t.ok(taken.length < 3000 + 7 * 100, `${taken.length - 3000} came twice`);
});

t.test('catching up with a large segment takes little memory', async t => {
  const s = scene(t);
  const lines: string[] = [];
  for (let seq = 1; seq <= 2000; seq++) lines.push(journalLine(factOf(seq)));
  const block = lines.join('');
  const blocks = Math.ceil((64 * 1024 * 1024) / block.length);
  for (let i = 0; i < blocks; i++) appendFileSync(join(s.journal, SEGMENT), block);
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  let [count, most] = [0, 0];
  const outlet = new Outlet('one', 5000);
  outlet.deliver = async facts => {
    count += facts.length;
    most = Math.max(most, used());
    return null;
  };
  const sink = s.sink(outlet);
  const before = used();
  t.equal(await sink.pass(), true);
  t.equal(count, 2000 * blocks);
  const more = most - before;
  t.comment(`${Math.round(more / 1024)} KiB while catching up with ${blocks * block.length} bytes`);
  t.ok(more < 6 * 1024 * 1024, `${more} bytes`);
});
