import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { sharedFolder, startRecordsLab } from './records-lab.ts';

// Each call waits 5 s for the other writer, one after the other.
t.setTimeout(90_000);

t.test('a locked store changes nothing, and keys go on as they are', async t => {
  const records = await startRecordsLab(t, sharedFolder(t));
  const { key, record } = await records.create();
  const before = await records.chain();
  const other = new DatabaseSync(join(records.folder, 'data/weir.db'));
  t.teardown(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  const answers = await Promise.all([
    records.call('POST', `/keys/${record.jti}/disable`),
    records.call('POST', '/deny', { kind: 'subject', id: 'alice', reason: 'left' }),
  ]);
  t.strictSame(answers, ['503 store_unavailable', '503 audit_unavailable']);
  t.equal(await records.use(key), 200);
  other.exec('COMMIT');
  t.strictSame(await records.call('GET', '/deny'), { entries: [], next: null });
  t.equal(await records.member(record.jti, 'disabled'), null);
  t.strictSame(await records.chain(), before);
  t.hasStrict(await records.call('POST', `/keys/${record.jti}/disable`), { state: 'disabled' });
});
