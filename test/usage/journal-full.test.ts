import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Fact, Warning } from '../../lib/pipeline/index.ts';
import { Journal } from '../../lib/usage/journal.ts';

const SIZE = 256 * 1024;

/** A file system of its own that can be filled, or null where this user may not mount one. */
function smallDisk(t: Test): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'weir-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  t.teardown(() => {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

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
    const ballast = join(disk, 'ballast');
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
    const filler = Buffer.alloc(SIZE);
    try {
      writeFileSync(ballast, filler);
    } catch {
      // ENOSPC is what is wanted: the disk is full now.
    }
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
