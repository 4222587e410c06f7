import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import t, { type Test } from 'tap';
import { Secret, systemClock } from '../../../lib/base/index.ts';
import { newIssuer } from '../../../lib/keys/token/mint.ts';
import type { Warning } from '../../../lib/pipeline/index.ts';
import { objectPlace } from '../../../lib/usage/archive/s3-bucket.ts';
import type { ArchiveSettings } from '../../../lib/usage/archive/settings.ts';
import { type Shipment, shipPeriod } from '../../../lib/usage/archive/ship-period.ts';
import { startArchive } from '../../../lib/usage/archive/start-archive.ts';
import { readSigningKey, type SigningKey } from '../../../lib/usage/export/signing-key.ts';
import { verifyExport } from '../../../lib/usage/export/verify-export.ts';
import { periodOf } from '../../../lib/usage/periods/period.ts';
import { Changes } from '../../deadline/index.ts';
import { factText, factTexts } from '../../store/fact-text.ts';
import { must } from '../../store/must.ts';
import { storeOf, variedFacts } from '../export/stored.ts';
import { ScriptedS3 } from './scripted-s3.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 10, 21);
const OCTOBER = periodOf('month', Date.UTC(2026, 9, 15));

/** Two facts in September, 300 in October, one in November. */
function facts(): string[] {
  return [
    factText(1001, { time: '2026-09-10T00:00:00.000Z' }),
    factText(1002, { time: '2026-09-30T23:59:59.999Z' }),
    ...variedFacts(300),
    factText(1003, { time: '2026-11-01T00:00:00.000Z' }),
  ];
}

async function scene(t: Test, texts: readonly string[] = facts()) {
  const stored = await storeOf(t, texts);
  const s3 = await ScriptedS3.start(t);
  const issuer = newIssuer();
  const settings: ArchiveSettings = {
    s3: s3.settings(),
    every: 'month',
    format: 'parquet',
    sign: new Secret(issuer.secretKey),
    folder: join(stored.folder, 'archive'),
  };
  const signingKey = readSigningKey(settings.sign!) as SigningKey;
  const shipment: Shipment = {
    ledger: stored.ledger,
    period: OCTOBER,
    settings,
    signingKey,
    clock: systemClock,
    nowMs: NOW_MS,
    graceMs: 2 * HOUR_MS,
  };
  /** Whether the bucket holds a whole October, of so many facts. */
  const holds = async (count: number): Promise<void> => {
    const folder = join(t.testdirName, `download-${Math.random()}`);
    s3.download(OCTOBER.name, folder);
    const { manifest, faults } = await verifyExport(join(folder, OCTOBER.name), issuer.publicKey);
    t.strictSame(faults, []);
    t.equal(manifest?.facts, count);
  };
  return { ...stored, s3, settings, shipment, issuer, holds };
}

/** The archive as a gateway runs it, beside what it warns of. */
function started({ ledger, url, settings }: Awaited<ReturnType<typeof scene>>) {
  const warnings: Warning[] = [];
  const changes = new Changes();
  const clock = { wallMs: () => NOW_MS, monotonicMs: () => 0 };
  const warn = (warning: Warning): void => {
    warnings.push(warning);
    changes.notify();
  };
  const part = startArchive(
    settings,
    ledger,
    { clock, warn },
    { store: url, graceMs: 2 * HOUR_MS, caughtUp: async () => true, idleMs: 2, delayMs: 0 },
  );
  const metric = (name: string): number | undefined =>
    part.metrics!.find(metric => metric.name === name)!.read()[0]?.value;
  /** Until the bucket has all there is. */
  const finished = async (): Promise<void> => {
    while (metric('weir_archive_until_seconds') === undefined)
      await new Promise(resolve => setTimeout(resolve, 5));
  };
  return { part, warnings, changes, metric, finished };
}

t.test('every month that is over is brought to the bucket, its manifest last', async t => {
  const scenery = await scene(t);
  const { s3, holds, ledger, settings } = scenery;
  const { part, metric, finished, warnings } = started(scenery);
  await finished();
  t.equal(metric('weir_archive_periods_total'), 2);
  t.equal(metric('weir_archive_until_seconds'), Date.UTC(2026, 10, 1) / 1000);
  await part.close!();
  t.strictSame(warnings, []);
  t.strictSame(
    s3.keys.map(key => key.replace(/\.[0-9a-f]{16}\./, '.HASH.')),
    ['2026-09', '2026-10'].flatMap(month =>
      ['facts-0001.HASH.parquet', 'manifest.json', 'manifest.json.sig', 'summary.HASH.csv'].map(
        name => `${month}/${name}`,
      ),
    ),
  );
  for (const month of ['2026-09', '2026-10'])
    t.match(s3.puts(new RegExp(month)).at(-1)!, /manifest\.json$/, 'what says that it is whole goes last');
  await holds(300);
  const folder = join(t.testdirName, 'download');
  s3.download(OCTOBER.name, folder);
  const [name] = readdirSync(join(folder, OCTOBER.name));
  const rows = await parquetReadObjects({
    file: await asyncBufferFromFile(join(folder, OCTOBER.name, name!)),
  });
  const sum = rows.reduce((total, { costNanos }) => total + ((costNanos as bigint | null) ?? 0n), 0n);
  const { sinceMs, untilMs } = OCTOBER;
  const [whole] = (await must(ledger.summary({ sinceMs, untilMs, by: [], limit: 1 }))).rows;
  t.equal(sum, whole!.costNanos);
  t.strictSame(readdirSync(settings.folder), [], 'nothing is left on this disk');
  const before = s3.log.length;
  const again = started(scenery);
  await again.finished();
  await again.part.close!();
  t.equal(s3.log.length, before, 'another run on the same store has nothing to do');
});

t.test('a bucket that fails is tried again, and what it has is not sent twice', async t => {
  const { s3, shipment, holds } = await scene(t);
  s3.course = request => (/PUT .*summary/.test(request) ? { status: 503, code: 'SlowDown' } : 'well');
  t.strictSame(await shipPeriod(shipment), {
    ok: false,
    problem: `${s3.puts(/summary/)[0]!.slice('PUT '.length)}: the bucket answered 503 SlowDown`,
  });
  t.notOk(s3.objects.has('2026-10/manifest.json'));
  s3.course = () => 'well';
  t.strictSame(await shipPeriod(shipment), { ok: true });
  t.equal(s3.puts(/facts-/).length, 1);
  t.equal(s3.puts(/summary/).length, 2);
  await holds(300);
});

t.test('a connection that is cut, or on which nothing moves, is given up', async t => {
  for (const course of ['cut', 'stall'] as const) {
    const { s3, shipment, holds } = await scene(t, variedFacts(3000));
    for (const step of [
      /GET .*manifest/,
      /HEAD .*facts/,
      /PUT .*facts/,
      /PUT .*sig/,
      /PUT .*manifest\.json$/,
    ]) {
      s3.course = request => (step.test(request) ? course : 'well');
      const result = await shipPeriod({ ...shipment, idleMs: 100 });
      t.notOk(result.ok, `${course} ${step}`);
      t.notOk(s3.objects.has('2026-10/manifest.json'));
    }
    s3.course = () => 'well';
    t.strictSame(await shipPeriod(shipment), { ok: true });
    await holds(3000);
  }
});

t.test('keys that the bucket does not know: degraded, and tried again', async t => {
  const scenery = await scene(t);
  const { s3 } = scenery;
  const wrong = { ...scenery.settings, s3: s3.settings({ secretAccessKey: new Secret('another/secret') }) };
  const { part, changes, warnings } = started({ ...scenery, settings: wrong });
  await changes.until(() => warnings.length === 1, 'the warning');
  const [degradation] = part.degraded!();
  t.equal(degradation!.code, 'archive_failing');
  t.equal(degradation!.refuses, false);
  t.match(degradation!.message, 'SignatureDoesNotMatch');
  t.notMatch(degradation!.message, 'not to be repeated');
  await part.close!();
  t.equal(s3.objects.size, 0);
});

t.test('a run that ends while it ships is gone on with by the next', async t => {
  const scenery = await scene(t);
  const { s3, holds } = scenery;
  s3.course = request => (/PUT 2026-10.*summary/.test(request) ? 'stall' : 'well');
  const first = started(scenery);
  await s3.changes.until(() => s3.puts(/2026-10.*summary/).length === 1, 'the summary');
  await first.part.close!();
  t.notOk(s3.objects.has('2026-10/manifest.json'));
  s3.course = () => 'well';
  const second = started(scenery);
  await second.finished();
  await second.part.close!();
  t.equal(s3.puts(/2026-10.*facts-/).length, 1, 'what was there was not sent again');
  t.equal(s3.puts(/2026-09/).length, 4, 'and what was done is done');
  await holds(300);
});

t.test('a shipment whose mark was lost is seen to be there', async t => {
  const { s3, shipment, ledger, holds } = await scene(t);
  t.strictSame(await shipPeriod(shipment), { ok: true });
  const puts = s3.puts(/./).length;
  t.strictSame(await shipPeriod(shipment), { ok: true });
  t.equal(s3.puts(/./).length, puts);
  s3.objects.set('2026-10/manifest.json.sig', Buffer.alloc(64));
  t.strictSame(await shipPeriod(shipment), { ok: true });
  await holds(300);
  await must(ledger.append([factText(2000, { time: '2026-10-31T12:00:00.000Z' })], []));
  const before = s3.objects.get('2026-10/manifest.json');
  const result = await shipPeriod(shipment);
  t.match(result, { ok: false, isLasting: true, problem: /not of this store/ });
  t.equal(s3.objects.get('2026-10/manifest.json'), before, 'what another store put there stays');
});

t.test('two instances in the same moment leave one whole period', async t => {
  const { shipment, settings, folder, holds } = await scene(t);
  const other = { ...shipment, settings: { ...settings, folder: join(folder, 'other') }, nowMs: NOW_MS + 1 };
  const ship = async (one: Shipment): Promise<void> => {
    while (!(await shipPeriod(one)).ok);
  };
  await Promise.all([ship(shipment), ship(other)]);
  await holds(300);
});

t.test('a signature that another instance put in between is noticed, and put right', async t => {
  const { s3, shipment, holds } = await scene(t);
  s3.course = request => {
    if (request === 'PUT 2026-10/manifest.json')
      s3.objects.set('2026-10/manifest.json.sig', Buffer.alloc(64, 1));
    return 'well';
  };
  const result = await shipPeriod(shipment);
  t.match(result, { ok: false, problem: /manifest\.json\.sig is not what was put there/ });
  s3.course = () => 'well';
  t.strictSame(await shipPeriod(shipment), { ok: true });
  await holds(300);
});

t.test('a period in which nothing happened is shipped as such', async t => {
  const { s3, shipment, holds } = await scene(t, factTexts(1, 1, { time: '2026-08-01T00:00:00.000Z' }));
  t.strictSame(await shipPeriod(shipment), { ok: true });
  t.ok(s3.objects.has('2026-10/manifest.json'));
  await holds(0);
});

t.test('the thread that relays takes no part in it', async t => {
  const scenery = await scene(t, variedFacts(20_000, Date.UTC(2026, 9, 1)));
  const before = performance.eventLoopUtilization();
  const { part, finished } = started(scenery);
  await finished();
  const { utilization } = performance.eventLoopUtilization(before);
  await part.close!();
  t.ok(utilization < 0.5, `the loop was busy for ${Math.round(utilization * 100)} %`);
});

t.test('where a bucket and its objects are', async t => {
  const s3 = await ScriptedS3.start(t);
  const placeOf = (more: object) => objectPlace({ ...s3.settings(more), bucket: 'b' }, 'k/x.csv');
  const endpoint = 'https://s3.eu-west-1.amazonaws.com';
  t.strictSame(placeOf({ endpoint, pathStyle: false, prefix: 'weir/' }), {
    host: 'b.s3.eu-west-1.amazonaws.com',
    hostname: 'b.s3.eu-west-1.amazonaws.com',
    port: null,
    path: '/weir/k/x.csv',
  });
  t.strictSame(placeOf({ endpoint: 'http://[::1]:9000', pathStyle: true, prefix: '' }), {
    host: '[::1]:9000',
    hostname: '::1',
    port: 9000,
    path: '/b/k/x.csv',
  });
  t.equal(
    placeOf({ endpoint: 'https://x:443', pathStyle: true, prefix: '' }).host,
    'x',
    'as a client sends it',
  );
});
