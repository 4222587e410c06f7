import t from 'tap';
import { type Made, sharedFolder, startRecordsLab, until } from './records-lab.ts';

t.setTimeout(90_000);

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
