import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ops } from './ops-client.ts';
import { sharedFolder, startRecordsLab, until } from './records-lab.ts';

t.test('usage by the ops API, in the words of the command line', async t => {
  const records = await startRecordsLab(t, sharedFolder(t));
  const alice = await records.create();
  const bob = await records.create({ subject: 'bob', operations: ['embedding'] });
  for (let i = 0; i < 3; i++) t.equal(await records.use(alice.key), 200);
  t.equal(await records.use(bob.key), 403);
  type Rows = { rows: { group: object; requests: number; refused: number }[] };
  const asked = '/usage/summary?by=subject&since=1d';
  await until(
    'the facts in the store',
    async () => (await records.call<Rows>('GET', asked)).rows.length === 2,
  );
  const { rows } = await records.call<Rows>('GET', asked);
  t.hasStrict(rows, [
    { group: { subject: 'alice' }, requests: 3, refused: 0, costNanos: null },
    { group: { subject: 'bob' }, requests: 1, refused: 1 },
  ]);
  const cli = await records.cli(
    t,
    'usage',
    'summary',
    '-c',
    'weir.yaml',
    '--by',
    'subject',
    '--since',
    '1d',
    '--json',
  );
  t.strictSame((JSON.parse(cli.stdout) as Rows).rows, rows);
  const facts = (query: string) =>
    records.call<{ facts: { subject: string; outcome: string }[]; next: string | null }>(
      'GET',
      `/usage/facts?${query}`,
    );
  t.hasStrict(await facts('outcome=refused'), {
    facts: [{ subject: 'bob', outcome: 'refused' }],
    next: null,
  });
  const first = await facts(`key=${alice.record.jti}&limit=2`);
  const rest = await facts(`key=${alice.record.jti}&limit=2&after=${first.next}`);
  t.strictSame([first.facts.length, rest.facts.length, rest.next], [2, 1, null]);
  for (const query of [
    'outcome=odd',
    'after=x',
    'limit=0',
    'limit=5000',
    'since=soon',
    'owner=a',
    'key=a&key=b',
  ])
    t.equal(await facts(query), '400 bad_request', query);
  for (const query of ['by=color', 'month=2026', 'month=2026-11&since=1d', 'limit=x', 'limit=10001'])
    t.equal(await records.call('GET', `/usage/summary?${query}`), '400 bad_request', query);
  const viewer = await ops(records.lab, 'GET', '/usage/summary', 'viewer');
  t.equal(viewer.status, 200);
  t.equal((await ops(records.lab, 'GET', '/usage/facts')).status, 401);
  t.ok(existsSync(join(records.folder, 'data/weir.db')));
});
