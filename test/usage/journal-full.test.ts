import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Fact, Warning } from '../../lib/pipeline/index.ts';
import { Journal } from '../../lib/usage/journal.ts';
import { fill, smallDisk } from '../disk/index.ts';

function fact(seq: number): Fact {
  return { v: 1, id: `here:boot:${seq}`, path: '/x', measures: {} } as unknown as Fact;
}

for (const onFull of ['serve', 'refuse'] as const) {
  t.test(`a full disk under onFull: ${onFull}`, async t => {
    const disk = smallDisk(t);
    if (disk === null) {
      t.comment('skipped: a small disk can be mounted only by root on Linux');
      return;
    }
    // The journal's own timers keep no process alive.
    const alive = setInterval(() => {}, 1000);
    t.teardown(() => clearInterval(alive));
    const folder = join(disk, 'journal');
    mkdirSync(folder);
    const warned = new EventTarget();
    const codes: string[] = [];
    const warn = ({ code }: Warning): void => {
      codes.push(code);
      warned.dispatchEvent(new Event(code));
    };
    const journal = new Journal({
      folder,
      instance: 'here',
      boot: '0f',
      worker: 0,
      fsync: 'none',
      holdMs: 30,
      onFull,
      warn,
    });
    const take = (seq: number): Promise<void> =>
      new Promise(done => void journal.take(fact(seq), () => done()));
    await take(1);
    const ballast = fill(disk);
    const failing = once(warned, 'journal_failing');
    // More than what is left of the last page of the segment.
    const held = Promise.all(Array.from({ length: 100 }, (_, i) => take(i + 2)));
    await failing;
    t.equal(journal.failing, true);
    if (onFull === 'serve') await held;
    const recovered = once(warned, 'journal_recovered');
    unlinkSync(ballast);
    await recovered;
    await held;
    t.equal(journal.failing, false);
    await journal.close();
    const lines = readdirSync(folder).flatMap(name =>
      readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1),
    );
    t.strictSame(
      lines.map(line => (JSON.parse(line) as Fact).id),
      Array.from({ length: 101 }, (_, i) => `here:boot:${i + 1}`),
      'nothing is lost, nothing is torn, nothing is twice',
    );
    t.strictSame(codes, ['journal_failing', 'journal_recovered']);
  });
}
