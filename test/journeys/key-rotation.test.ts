import t from 'tap';
import { must } from '../store/must.ts';
import { draftOf } from '../store/register-sample.ts';
import { type Made, sharedFolder, startRecordsLab, until } from './records-lab.ts';

t.setTimeout(90_000);

t.test('rotated with grace both work, then the new one alone', async t => {
  const records = await startRecordsLab(t, sharedFolder(t));
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

t.test('killed in the grace, the old key ends all the same', async t => {
  const folder = sharedFolder(t);
  const first = await startRecordsLab(t, folder);
  const old = await first.create();
  const young = await first.call<Made & { replaced: { ends: string } }>(
    'POST',
    `/keys/${old.record.jti}/rotate`,
    {
      grace: '2s',
    },
  );
  t.equal(await first.use(old.key), 200);
  await first.lab.weir.stop('SIGKILL');
  const second = await startRecordsLab(t, folder);
  t.equal(await second.use(young.key), 200);
  await until('the end of the old key', async () => (await second.use(old.key)) === 401);
  t.ok(Date.now() > Date.parse(young.replaced.ends));
  t.equal((await second.cli(t, 'audit', 'verify', '--config', 'weir.yaml')).code, 0);
});

t.test(
  'what a crash left between record and deny set is made good, as is what another gateway changed',
  async t => {
    const folder = sharedFolder(t);
    const first = await startRecordsLab(t, folder);
    const [a, b] = [await first.create(), await first.create()];
    t.hasStrict(await first.call('POST', `/keys/${b.record.jti}/disable`), { state: 'disabled' });
    await first.lab.weir.stop('SIGKILL');
    await first.withStore(async ({ register }) => {
      const atMs = Date.now();
      await must(register.changeKey(a.record.jti, { kind: 'disable', atMs }, draftOf()));
      await must(register.changeKey(b.record.jti, { kind: 'enable', atMs }, draftOf()));
    });
    const second = await startRecordsLab(t, folder);
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
