import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import t, { type Test } from 'tap';
import { readJournal, startWeir } from './index.ts';

function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-process-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A program in the place of the binary. */
function program(t: Test, source: string): string {
  const file = join(folderFor(t), 'program.mjs');
  writeFileSync(file, source);
  return file;
}

const FACT = { v: 1, id: 'i:b:1', outcome: 'complete', usageSource: 'none' };

t.test('finds the address, the facts, the config and a clean exit', async t => {
  const weir = await startWeir(t, {
    program: program(
      t,
      `import { readFileSync } from 'node:fs';
      const config = JSON.parse(readFileSync(process.argv[4], 'utf8'));
      console.log(JSON.stringify({ msg: 'config', config, verb: process.argv[2], leak: process.env.WEIR_LEAK ?? null, own: process.env.OWN }));
      console.log(JSON.stringify({ msg: 'listening on http://127.0.0.1:4711' }));
      console.error('not json');
      console.log(${JSON.stringify(JSON.stringify({ msg: 'done', fact: FACT }))});
      console.log(${JSON.stringify(JSON.stringify({ ...FACT, id: 'i:b:2', outcome: 'refused' }))});
      process.on('SIGTERM', () => process.exit(3));
      setInterval(() => {}, 1000);`,
    ),
    config: { listen: { host: '127.0.0.1' }, usage: {} },
    env: { OWN: 'yes' },
  });
  t.equal(weir.port, 4711);
  const line = await weir.line(({ json }) => json?.msg === 'config', 'the config');
  t.same(line.json?.config, { listen: { host: '127.0.0.1', port: 0 }, usage: {} });
  t.equal(line.json?.verb, 'serve');
  t.equal(line.json?.own, 'yes');
  t.equal((await weir.factCount(2))[0]!.id, 'i:b:1');
  t.equal((await weir.fact(({ outcome }) => outcome === 'refused', 'refused')).id, 'i:b:2');
  await weir.line(({ text }) => text === 'not json', 'stderr');
  if (process.platform === 'linux') {
    t.ok(weir.residentBytes()! > 1 << 20);
    t.type(weir.openSockets(), 'number');
  }
  t.same(await weir.stop(), { code: 3, signal: null });
});

t.test('an exit before the address fails the start with the output', async t => {
  const start = startWeir(t, { program: program(t, `console.error('no such key'); process.exit(2)`) });
  await t.rejects(start, /weir exited \(2\).*no such key/s);
});

t.test('a command that ends is waited for by its exit', async t => {
  const weir = await startWeir(t, {
    program: program(t, `process.stdout.write('no newline'); process.exitCode = 2`),
    args: ['check'],
    waitForAddress: false,
  });
  t.same(await weir.exited(), { code: 2, signal: null });
  t.equal(weir.stdout, 'no newline');
  t.equal(weir.lines[0]?.text, 'no newline');
});

t.test('a journal is read with its checksums', async t => {
  const folder = folderFor(t);
  const sealed = (value: object): string => {
    const open = JSON.stringify(value).slice(0, -1);
    return `${open},"crc":"${crc32(Buffer.from(open)).toString(16).padStart(8, '0')}"}\n`;
  };
  mkdirSync(join(folder, 'j'));
  const good = sealed(FACT);
  writeFileSync(
    join(folder, 'j', 'i-b-0-1.ndjson'),
    good + sealed({ open: 'i:b:2' }) + good.replace('complete', 'Complete'),
  );
  writeFileSync(join(folder, 'j', 'i-b-0-2.ndjson'), `${good}{"no":"crc"}\n${good.slice(0, 20)}`);
  const journal = readJournal(join(folder, 'j'));
  t.equal(journal.segments.length, 2);
  t.same(
    journal.facts.map(({ id }) => id),
    ['i:b:1', 'i:b:1'],
  );
  t.same(
    journal.others.map(({ json }) => json.open),
    ['i:b:2'],
  );
  t.equal(journal.bad.length, 3);
  t.same(readJournal(join(folder, 'absent')).facts, []);
});
