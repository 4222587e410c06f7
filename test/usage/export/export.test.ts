import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import t from 'tap';
import { openLedger } from '../../../lib/store/index.ts';
import { FACT_COLUMNS } from '../../../lib/usage/export/fact-columns.ts';
import { writeExport } from '../../../lib/usage/export/write-export.ts';
import { runMain } from '../../cli/run-main.ts';
import { factText, factTexts } from '../../store/fact-text.ts';
import { must } from '../../store/must.ts';
import { readCsv } from './read-csv.ts';
import { storeOf, variedFacts } from './stored.ts';

const FORMULA = /^[=+\-@\t\r\n]/;

/** A cell of CSV for a value that was read from Parquet. */
function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value);
}

function manifestOf(folder: string) {
  return JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
    madeAt: string;
    period: Record<string, unknown>;
    filter: Record<string, unknown>;
    totals: Record<string, unknown>;
    files: { name: string; bytes: number; content: string; totals?: Record<string, unknown> }[];
  };
}

t.test('Parquet and CSV say the same, value for value, over more than one row group', async t => {
  // A row group has 10 000.
  const facts = variedFacts(10_500);
  const { folder, config } = await storeOf(t, facts);
  const [csv, parquet] = [join(folder, 'facts.csv'), join(folder, 'facts.parquet')];
  for (const out of [csv, parquet]) {
    const { status, stderr } = await runMain(['usage', 'export', '-c', config, '--out', out]);
    t.equal(status, 0, stderr);
  }
  const [head, ...rows] = readCsv(readFileSync(csv, 'utf8'));
  const file = await asyncBufferFromFile(parquet);
  const { row_groups, schema } = await parquetMetadataAsync(file);
  t.equal(row_groups.length, 2);
  t.strictSame(
    schema.slice(1).map(({ name, type, converted_type = null, repetition_type }) => ({
      name,
      type,
      converted_type,
      repetition_type,
    })),
    FACT_COLUMNS.map(({ name, kind }) => ({
      name,
      type: { text: 'BYTE_ARRAY', json: 'BYTE_ARRAY', count: 'INT64', flag: 'BOOLEAN', time: 'INT64' }[kind],
      converted_type: { text: 'UTF8', json: 'UTF8', count: null, flag: null, time: 'TIMESTAMP_MILLIS' }[kind],
      repetition_type: 'OPTIONAL',
    })),
  );
  const objects = await parquetReadObjects({ file });
  t.equal(objects.length, facts.length);
  t.equal(rows.length, facts.length);
  const different = objects.flatMap((object, i) =>
    head!.filter((name, column) => cellOf(object[name]) !== rows[i]![column]).map(name => `${i} ${name}`),
  );
  t.strictSame(different.slice(0, 5), []);
  const members = JSON.parse(facts[34]!) as Record<string, unknown>;
  t.strictSame(objects[34]!.outputTokens, BigInt(members.outputTokens as number), 'past 32 bits');
  t.strictSame(objects[34]!.tags, JSON.stringify(members.tags));
  t.strictSame(objects[34]!.time, new Date(members.time as string));
});

t.test('what is exported adds up to what the store says, to the nano-dollar', async t => {
  const { folder, config, ledger } = await storeOf(t, variedFacts(6000));
  const out = join(folder, 'october');
  const argv = ['usage', 'export', '-c', config, '--month', '2026-10', '--out', out];
  t.equal((await runMain(argv)).status, 0);
  const [head, ...rows] = readCsv(readFileSync(join(out, 'facts-0001.csv'), 'utf8'));
  const column = (name: string): string[] => rows.map(row => row[head!.indexOf(name)]!);
  const sum = (name: string): bigint => column(name).reduce((total, cell) => total + BigInt(cell || 0), 0n);
  const [whole] = (await must(ledger.summary({ by: [], limit: 1 }))).rows;
  t.equal(sum('costNanos'), whole!.costNanos);
  t.ok(whole!.costNanos! > BigInt(Number.MAX_SAFE_INTEGER), 'it would not fit a double');
  t.match(readFileSync(join(out, 'manifest.json'), 'utf8'), `"costNanos": ${whole!.costNanos},`);
  const { totals } = manifestOf(out);
  t.equal(totals.requests, whole!.requests);
  t.equal(totals.refused, whole!.refused);
  t.equal(totals.unpriced, whole!.unpriced);
  t.equal(totals.facts, 6000);
  const [summaryHead, ...groups] = readCsv(readFileSync(join(out, 'summary.csv'), 'utf8'));
  const { rows: expected } = await must(ledger.summary({ by: ['subject', 'model'], limit: 1000 }));
  t.equal(groups.length, expected.length);
  for (const { group, requests, refused, unpriced, costNanos, inputTokens } of expected) {
    const words = [cellOf(group.subject), cellOf(group.model)];
    const found = groups.find(cells => cells[0] === words[0] && cells[1] === words[1])!;
    const cell = (name: string): string => found[summaryHead!.indexOf(name)]!;
    t.strictSame(
      ['requests', 'refused', 'unpriced', 'costNanos', 'inputTokens'].map(cell),
      [requests, refused, unpriced, costNanos, inputTokens].map(cellOf),
      words.join(),
    );
  }
});

t.test('a manifest says what it is of, and of each file what it holds', async t => {
  const facts = [
    factText(1, { time: '2026-09-30T23:59:59.999Z' }),
    factText(2, { time: '2026-10-01T00:00:00.000Z', costNanos: 3 }),
    factText(3, { time: '2026-10-31T23:59:59.999Z', costNanos: 4 }),
    factText(4, { time: '2026-10-31T23:59:59.999Z', subject: 'bob' }),
    factText(5, { time: '2026-11-01T00:00:00.000Z' }),
  ];
  const { folder, config, ledger } = await storeOf(t, facts);
  const out = join(folder, 'bill');
  const argv = ['usage', 'export', '-c', config, '--month', '2026-10', '--subject', 'alice', '--out', out];
  const { stdout, stderr, status } = await runMain(argv);
  t.equal(status, 0);
  t.equal(stdout, `${out}: 2 facts, 0.000000007 USD\n`);
  t.equal(stderr, '', 'the month is over');
  const { period, filter, totals, files } = manifestOf(out);
  t.strictSame(period, {
    name: '2026-10',
    since: '2026-10-01T00:00:00.000Z',
    until: '2026-11-01T00:00:00.000Z',
    closed: true,
  });
  t.hasStrict(filter, { kind: 'request', subject: 'alice', model: null });
  t.hasStrict(totals, {
    facts: 2,
    costNanos: 7,
    firstTime: '2026-10-01T00:00:00.000Z',
    lastTime: '2026-10-31T23:59:59.999Z',
  });
  t.strictSame(
    files.map(({ name, content }) => [name, content]),
    [
      ['facts-0001.csv', 'facts'],
      ['summary.csv', 'summary'],
    ],
  );
  const several = join(folder, 'several');
  const nowMs = Date.UTC(2026, 9, 15);
  const result = await writeExport(several, {
    ledger,
    filter: { sinceMs: Date.UTC(2026, 8, 1), untilMs: nowMs - 1000 },
    format: 'ndjson',
    nowMs,
    graceMs: 2000,
    periodName: null,
    signingKey: null,
    fileFactsMax: 1,
  });
  t.ok(result.ok);
  const parts = manifestOf(several);
  t.equal(parts.period.closed, false, 'facts of it may still come');
  t.strictSame(
    parts.files.map(({ name, totals }) => [name, totals?.facts, totals?.firstTime]),
    [
      ['facts-0001.ndjson', 1, '2026-09-30T23:59:59.999Z'],
      ['facts-0002.ndjson', 1, '2026-10-01T00:00:00.000Z'],
      ['summary.csv', undefined, undefined],
    ],
  );
  t.equal(readFileSync(join(several, 'facts-0002.ndjson'), 'utf8'), `${facts[1]}\n`);
});

t.test('a month that is not over is said to be open', async t => {
  const { folder, config } = await storeOf(t, []);
  const month = new Date().toISOString().slice(0, 7);
  const out = join(folder, 'now');
  const { status, stderr } = await runMain([
    ...['usage', 'export', '-c', config, '--month', month, '--format', 'parquet', '--out', out],
  ]);
  t.equal(status, 0);
  t.equal(stderr, `note: ${month} is not closed: facts of it may still come\n`);
  t.equal(manifestOf(out).period.closed, false);
  const file = await asyncBufferFromFile(join(out, 'facts-0001.parquet'));
  t.strictSame(await parquetReadObjects({ file }), [], 'a file without a fact is a file');
});

t.test('nothing is overwritten, and with --force nothing but an export', async t => {
  const { folder, config } = await storeOf(t, factTexts(1, 3));
  const out = join(folder, 'bill');
  const run = (...more: string[]) => runMain(['usage', 'export', '-c', config, '--out', out, ...more]);
  mkdirSync(out);
  t.equal((await run()).status, 0, 'an empty folder is none');
  const before = readFileSync(join(out, 'manifest.json'), 'utf8');
  const again = await run();
  t.equal(again.status, 1);
  t.match(again.stderr, '--force replaces it');
  t.equal(readFileSync(join(out, 'manifest.json'), 'utf8'), before);
  t.equal((await run('--force', '--format', 'ndjson')).status, 0);
  t.strictSame(readdirSync(out).sort(), ['facts-0001.ndjson', 'manifest.json', 'summary.csv']);
  writeFileSync(join(out, 'notes.txt'), 'mine');
  const mixed = await run('--force');
  t.equal(mixed.status, 1);
  t.match(mixed.stderr, 'notes.txt');
  t.equal(readFileSync(join(out, 'notes.txt'), 'utf8'), 'mine');
  const other = join(folder, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'letter'), 'x');
  t.equal((await runMain(['usage', 'export', '-c', config, '--out', other, '--force'])).status, 1);
  t.strictSame(readdirSync(other), ['letter']);
  const file = join(folder, 'facts.csv');
  const toFile = (...more: string[]) => runMain(['usage', 'export', '-c', config, '--out', file, ...more]);
  t.equal((await toFile()).status, 0);
  t.equal((await toFile()).status, 1);
  t.equal((await toFile('--force')).status, 0);
  const left = readdirSync(folder).filter(name => name.startsWith('.'));
  t.strictSame(left, [], 'and nothing half done lies about');
});

t.test('what cannot stand together is bad usage', async t => {
  const { folder, config } = await storeOf(t, []);
  for (const more of [
    ['--format', 'parquet'],
    ['--force'],
    ['--sign', 'x'],
    ['--out', join(folder, 'a.csv'), '--format', 'parquet'],
    ['--out', join(folder, 'a.csv'), '--sign', 'x'],
    ['--out', join(folder, 'a'), '--sign', join(folder, 'absent')],
    ['--out', join(folder, 'a'), '--sign', config],
  ]) {
    const { status, stdout } = await runMain(['usage', 'export', '-c', config, ...more]);
    t.equal(status, 2, more.join(' '));
    t.equal(stdout, '');
  }
});

t.test('while facts are written, each is in it once, and the totals are those of its rows', async t => {
  const { folder, url, ledger } = await storeOf(t, factTexts(1, 10_000));
  const writer = openLedger(url);
  t.teardown(() => writer.close());
  let next = 10_001;
  let ended = false;
  const write = async (): Promise<void> => {
    while (!ended) {
      await must(writer.append(factTexts(next, next + 99, { time: '2026-11-20T10:00:01.000Z' }), []));
      next += 100;
    }
  };
  const writing = write();
  const out = join(folder, 'out');
  const result = await writeExport(out, {
    ledger,
    filter: {},
    format: 'ndjson',
    nowMs: Date.now(),
    graceMs: 0,
    periodName: null,
    signingKey: null,
  });
  ended = true;
  await writing;
  t.ok(result.ok);
  const lines = readFileSync(join(out, 'facts-0001.ndjson'), 'utf8').trimEnd().split('\n');
  const ids = new Set(lines.map(line => (JSON.parse(line) as { id: string }).id));
  t.equal(ids.size, lines.length);
  t.ok(lines.length >= 10_000);
  t.equal(manifestOf(out).totals.facts, lines.length);
  t.equal(manifestOf(out).totals.costNanos, lines.length * 1000);
});
