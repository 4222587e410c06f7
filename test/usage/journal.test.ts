import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import t, { type Test } from 'tap';
import type { Fact, Warning } from '../../lib/pipeline/index.ts';
import { Journal, type JournalOptions } from '../../lib/usage/journal.ts';
import { journalLine } from '../../lib/usage/journal-line.ts';
import type { OpenRecord } from '../../lib/usage/open-record.ts';

function fact(seq: number): Fact {
  return { v: 1, id: `here:boot:${seq}`, path: '/é', measures: {} } as unknown as Fact;
}

function open(
  t: Test,
  options: Partial<JournalOptions> = {},
): { journal: Journal; folder: string; warnings: Warning[] } {
  const folder = mkdtempSync(join(tmpdir(), 'weir-journal-'));
  const warnings: Warning[] = [];
  const journal = new Journal({
    folder,
    instance: 'here',
    boot: '00ff',
    worker: 0,
    fsync: 'none',
    holdMs: 60_000,
    onFull: 'serve',
    warn: warning => warnings.push(warning),
    ...options,
  });
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return { journal, folder, warnings };
}

function lines(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .flatMap(name => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1));
}

t.test('a line ends in the CRC of what stands before it', async t => {
  const line = journalLine(fact(1));
  const at = line.indexOf(',"crc":');
  t.equal(line.at(-1), '\n');
  const { crc } = JSON.parse(line) as { crc: string };
  t.match(crc, /^[0-9a-f]{8}$/);
  t.equal(crc, crc32(line.slice(0, at)).toString(16).padStart(8, '0'));
  t.equal(Object.keys(JSON.parse(line) as object).at(-1), 'crc');
});

for (const fsync of ['none', 'batch', 20] as const) {
  t.test(`recorded is said after the line is in the file (fsync ${fsync})`, async t => {
    const { journal, folder } = open(t, { fsync });
    const said: number[] = [];
    await Promise.all(
      Array.from(
        { length: 500 },
        (_, i) =>
          new Promise<void>(done => {
            t.ok(
              journal.take(fact(i), () => {
                said.push(i);
                if (i % 100 === 0)
                  t.match(
                    lines(folder).find(line => line.includes(`:${i}"`)),
                    /crc/,
                  );
                done();
              }),
            );
          }),
      ),
    );
    t.strictSame(
      said,
      Array.from({ length: 500 }, (_, i) => i),
      'in order, each once',
    );
    await journal.close();
    t.equal(lines(folder).length, 500);
    t.strictSame(
      lines(folder).map(line => (JSON.parse(line) as Fact).id),
      said.map(i => `here:boot:${i}`),
    );
  });
}

t.test('segments are named for instance, boot and worker, and not for everybody', async t => {
  const { journal, folder } = open(t);
  await journal.close();
  t.strictSame(readdirSync(folder), ['here-00ff-0-0.ndjson']);
  t.equal(statSync(join(folder, 'here-00ff-0-0.ndjson')).mode & 0o007, 0);
});

t.test('close writes what still waits', async t => {
  const { journal, folder } = open(t);
  for (let i = 0; i < 10; i++) journal.take(fact(i), () => {});
  await journal.close();
  t.equal(lines(folder).length, 10);
});

t.test('an exchange begun is on record, and a journal without its fact is not whole', async t => {
  for (const settled of [true, false]) {
    const { journal, folder } = open(t);
    const { id } = fact(7);
    journal.open({ v: 1, open: true, id } as OpenRecord);
    if (settled) journal.take(fact(7), () => {});
    await journal.close();
    t.equal(journal.isWhole, settled);
    t.equal(lines(folder).length, settled ? 2 : 1);
    t.match(lines(folder)[0], `{"v":1,"open":true,"id":"${id}","crc":"`);
  }
});

t.test('flushed is said when all that was taken by then is in the file', async t => {
  const { journal, folder } = open(t);
  t.equal(await journal.flushed(), true, 'nothing was taken');
  for (const count of [1, 2, 3]) {
    for (let i = 0; i < 200; i++) journal.take(fact(count * 1000 + i), () => {});
    const flushed = journal.flushed();
    journal.take(fact(count), () => {});
    t.equal(await flushed, true);
    t.ok(lines(folder).length >= count * 200);
  }
  t.strictSame(await Promise.all([journal.flushed(), journal.flushed()]), [true, true]);
  t.equal(lines(folder).length, 603);
  await journal.close();
});

t.test('an end of message is released when the disk is slow; who changes something waits on', async t => {
  const { journal } = open(t, { holdMs: 1 });
  const said: string[] = [];
  const taken = (seq: number, kind: Fact['kind']): Promise<void> =>
    new Promise(resolve => {
      journal.take({ ...fact(seq), kind }, isRecorded => {
        said.push(`${kind} ${isRecorded}`);
        resolve();
      });
    });
  const all = Promise.all([taken(1, 'admin'), taken(2, 'request'), taken(3, 'admin')]);
  // Timers come before what the disk has answered meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  await all;
  t.strictSame(said, ['request false', 'admin true', 'admin true']);
  await journal.close();
});
