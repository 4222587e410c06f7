import type { Test } from 'tap';
import { must } from '../store/must.ts';
import { draftOf } from '../store/register-sample.ts';
import { type Made, type RecordsLab, sharedFolder, until } from './records-lab.ts';

/** Starts a gateway of one test; all of a test share a store. */
type StartRecords = (t: Test, folder: string) => Promise<RecordsLab>;

/** What holds of keys on record and of the audit chain, whatever the store is. */
export async function recordsSuite(t: Test, store: string, start: StartRecords): Promise<void> {
  await t.test(`${store}: by the command line: create, use, look, disable, enable`, async t => {
    const records = await start(t, sharedFolder(t));
    const flags = [
      '--subject',
      'alice',
      '--name',
      'laptop',
      '--expires',
      '7d',
      '--tag',
      'team=search',
      '--rpm',
      '600',
    ];
    const created = await records.cli(t, 'key', 'create', ...flags);
    t.equal(created.code, 0, created.stderr);
    const key = created.stdout.trim();
    t.match(created.stdout, /^weir_v4\.public\.\S+\n$/, 'the key and nothing else');
    const jti = /jti ([0-9a-f]{32})/.exec(created.stderr)![1]!;
    t.notOk(created.stderr.includes(key));
    t.equal(await records.member(jti, 'lastUsed'), null);
    t.equal(await records.use(key), 200);
    await until('the last use', async () => (await records.member(jti, 'lastUsed')) !== null);
    const listed = await records.cli(t, 'key', 'list');
    const [head, row] = listed.stdout.split('\n').map(line => line.split(/ {2,}/));
    t.strictSame(head, ['JTI', 'NAME', 'SUBJECT', 'STATE', 'EXPIRES', 'LAST USED', 'REPLACED BY']);
    t.strictSame(row!.slice(0, 4), [jti, 'laptop', 'alice', 'active']);
    t.match(row![5], /^\d{4}-\d\d-\d\dT[\d:]{8}Z$/, 'when it was last used');
    const shown = JSON.parse((await records.cli(t, 'key', 'show', jti, '--json')).stdout) as object;
    t.hasStrict(shown, {
      jti,
      grant: { rpm: 600 },
      tags: { team: 'search' },
      createdBy: 'admin-3',
      disabled: null,
    });
    t.match((await records.cli(t, 'key', 'show', jti)).stdout, /grant +\{"rpm":600\}/);

    t.match((await records.cli(t, 'key', 'disable', jti)).stdout, `${jti} is disabled now`);
    t.equal(await records.use(key), 401, 'at once');
    const { entries } = await records.call<{ entries: object[] }>('GET', `/deny?kind=key&id=${jti}`);
    t.hasStrict(entries, [{ id: jti, reason: 'disabled in its record' }]);
    t.equal((await records.cli(t, 'key', 'enable', jti)).code, 0);
    t.equal(await records.use(key), 200);
    t.equal(
      (await records.cli(t, 'key', 'touch', jti, '--name', 'desk', '--notes', 'asked on Monday')).code,
      0,
    );
    t.strictSame(
      [await records.member(jti, 'name'), await records.member(jti, 'notes')],
      ['desk', 'asked on Monday'],
    );
    t.ok(await records.member(jti, 'touched'));
    const whole = await records.cli(t, 'key', 'disable', key);
    t.strictSame([whole.code, whole.stderr.includes('whole key')], [2, true]);
    const verified = await records.cli(t, 'audit', 'verify', '--config', 'weir.yaml');
    t.equal(verified.code, 0, verified.stdout + verified.stderr);
    t.match(verified.stdout, /ok {2}4 entries\nhead {2}4:[0-9a-f]{64}\n/);
    const listedAudit = await records.cli(t, 'audit', 'list', '--config', 'weir.yaml');
    t.match(
      listedAudit.stdout,
      new RegExp(`admin-3 +done +POST /keys/${jti}/disable +change=disable keys=${jti}`),
    );
  });

  await t.test(`${store}: rotated with grace both work, then the new one alone`, async t => {
    const records = await start(t, sharedFolder(t));
    const old = await records.create({ name: 'ci', models: ['gpt-*'], tags: { team: 'x' } });
    const path = `/keys/${old.record.jti}/rotate`;
    const young = await records.call<Made & { replaced: { ends: string } }>('POST', path, { grace: '3s' });
    t.hasStrict(young.record, {
      name: 'ci',
      subject: 'alice',
      grant: { models: ['gpt-*'] },
      tags: { team: 'x' },
      replaces: old.record.jti,
    });
    t.strictSame([await records.use(old.key), await records.use(young.key)], [200, 200]);
    t.equal(await records.member(old.record.jti, 'state'), 'ending');
    await until('the end of the old key', async () => (await records.use(old.key)) === 401);
    const lateMs = Date.now() - Date.parse(young.replaced.ends);
    t.ok(lateMs > 0 && lateMs < 5000, `${lateMs} ms after its end`);
    t.equal(await records.use(young.key), 200);
    t.equal(await records.member(old.record.jti, 'state'), 'ended');
    t.equal(await records.call('POST', path, {}), '409 replaced');
    t.equal(await records.call('POST', `/keys/${old.record.jti}/enable`), '409 ended');
    const last = await records.call<Made>('POST', `/keys/${young.record.jti}/rotate`, { grace: '0s' });
    t.strictSame(
      [await records.use(young.key), await records.use(last.key)],
      [401, 200],
      'without grace at once',
    );
    const byDefault = await records.cli(t, 'key', 'rotate', last.record.jti);
    t.match(byDefault.stdout, /^weir_v4\.public\.\S+\n$/);
    const endsMs = Date.parse(String(await records.member(last.record.jti, 'ends')));
    const expiresMs = Date.parse(String(await records.member(last.record.jti, 'expires')));
    t.equal(endsMs, expiresMs, 'a grace of a day ends with the key that has an hour left');
  });

  await t.test(
    `${store}: every other change is on the chain before it takes effect, and when it failed`,
    async t => {
      const records = await start(t, sharedFolder(t));
      const { record } = await records.create();
      await records.call('POST', '/deny', { kind: 'subject', id: 'mallory', reason: 'fraud' });
      await records.call('DELETE', '/deny/subject/nobody');
      await records.call('POST', `/keys/${record.jti}/disable`);
      await records.call('POST', `/keys/${record.jti}/disable`);
      await records.call('POST', '/keys/unknown/disable');
      await records.call('GET', '/keys');
      t.strictSame(await records.chain(), [
        'admin-3 done POST /keys',
        'admin-3 intended POST /deny',
        'admin-3 intended DELETE /deny/subject/nobody',
        'admin-3 failed DELETE /deny/subject/nobody',
        `admin-3 done POST /keys/${record.jti}/disable`,
      ]);
      const { entries } = await records.call<{ entries: { seq: number; hash: string; payload: string }[] }>(
        'GET',
        '/audit?after=1&limit=3',
      );
      const said = entries.map(({ payload }) => JSON.parse(payload) as { details: object });
      t.strictSame(said[0]!.details, { kind: 'subject', id: 'mallory', reason: 'fraud' });
      t.strictSame(said[2]!.details, { of: 3, status: 404 });
      const head = await records.call<{ seq: number; hash: string }>('GET', '/audit/head');
      t.equal(head.seq, 5);
      const verify = (kept: string) =>
        records.cli(t, 'audit', 'verify', '-c', 'weir.yaml', '--head', kept, '--json');
      t.equal((await verify(`5:${head.hash}`)).code, 0);
      const cut = await verify(`9:${head.hash}`);
      t.equal(cut.code, 1);
      t.hasStrict(JSON.parse(cut.stdout), { ok: false, head, broken: { seq: 6 } });
      t.equal((await verify('5:zz')).code, 2);
      for (const path of ['/audit?after=x', '/audit?limit=0', '/audit?since=1d', '/audit?limit=1&limit=2'])
        t.equal(await records.call('GET', path), '400 bad_request');
    },
  );

  await t.test(
    `${store}: what a crash left between record and deny set is made good, as is what another gateway changed`,
    async t => {
      const folder = sharedFolder(t);
      const first = await start(t, folder);
      const [a, b] = [await first.create(), await first.create()];
      t.hasStrict(await first.call('POST', `/keys/${b.record.jti}/disable`), { state: 'disabled' });
      await first.lab.weir.stop('SIGKILL');
      await first.withStore(async ({ register }) => {
        const atMs = Date.now();
        await must(register.changeKey(a.record.jti, { kind: 'disable', atMs }, draftOf()));
        await must(register.changeKey(b.record.jti, { kind: 'enable', atMs }, draftOf()));
      });
      const second = await start(t, folder);
      await until('a to be refused', async () => (await second.use(a.key)) === 401);
      await until('b to be accepted', async () => (await second.use(b.key)) === 200);
      await second.withStore(async ({ register }) => {
        await must(register.changeKey(b.record.jti, { kind: 'disable', atMs: Date.now() }, draftOf()));
      });
      await until('b to be refused', async () => (await second.use(b.key)) === 401);
      const fraud = { kind: 'key', id: a.record.jti, reason: 'fraud' };
      await second.call('POST', '/deny', fraud);
      await second.withStore(async ({ register }) => {
        await must(register.changeKey(a.record.jti, { kind: 'enable', atMs: Date.now() }, draftOf()));
        await must(register.changeKey(b.record.jti, { kind: 'enable', atMs: Date.now() }, draftOf()));
      });
      await until('b to be accepted', async () => (await second.use(b.key)) === 200);
      t.equal(await second.use(a.key), 401, 'what was denied for another reason stays denied');
    },
  );
}
