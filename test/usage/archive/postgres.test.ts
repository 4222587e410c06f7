import { join } from 'node:path';
import t from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import { openLedger } from '../../../lib/store/index.ts';
import { startArchive } from '../../../lib/usage/archive/start-archive.ts';
import { verifyExport } from '../../../lib/usage/export/verify-export.ts';
import { PostgresServer, postgresMissing } from '../../postgres/index.ts';
import { must } from '../../store/must.ts';
import { variedFacts } from '../export/stored.ts';
import { ScriptedS3 } from './scripted-s3.ts';

const skip = postgresMissing();
const NOW_MS = Date.UTC(2026, 10, 21);

t.test('a period of a store in PostgreSQL, its password in a Secret', { skip }, async t => {
  const server = await PostgresServer.start(t);
  const store = new Secret(server.url(await server.database()));
  const ledger = openLedger(store);
  t.teardown(() => ledger.close());
  await must(ledger.append(variedFacts(3000), []));
  const s3 = await ScriptedS3.start(t);
  const folder = t.testdir();
  const part = startArchive(
    { s3: s3.settings(), every: 'month', format: 'csv', folder: join(folder, 'archive') },
    ledger,
    { clock: { wallMs: () => NOW_MS, monotonicMs: () => 0 }, warn: warning => t.fail(warning.message) },
    { store, graceMs: 0, caughtUp: async () => true, idleMs: 2, delayMs: 0 },
  );
  await s3.changes.until(
    () => s3.log.at(-1) === 'GET 2026-10/manifest.json' && s3.log.length > 1,
    'the period',
  );
  while ((await must(ledger.cursors('archive'))).size === 0);
  await part.close!();
  s3.download('2026-10', folder);
  const { manifest, faults } = await verifyExport(join(folder, '2026-10'), null);
  t.strictSame(faults, []);
  const [whole] = (await must(ledger.summary({ by: [], limit: 1 }))).rows;
  t.equal(manifest!.facts, 3000);
  t.equal(manifest!.requests, whole!.requests);
  t.ok(s3.objects.get('2026-10/manifest.json')!.includes(`"costNanos": ${whole!.costNanos},`));
});
