import t from 'tap';
import { read, tableRows } from '../house/tree.ts';
import { ops } from './ops-client.ts';
import { sharedFolder, startRecordsLab } from './records-lab.ts';

t.test('docs/ops.md lists the routes of a gateway that has everything, with their roles', async t => {
  const { lab } = await startRecordsLab(t, sharedFolder(t), { budgets: { rules: [] } });
  const page = String((await ops(lab, 'GET', '/')).body);
  const there = [...page.matchAll(/^ {2}(GET|POST|DELETE) +(\/\S*) +(\w+)/gm)].map(([, ...row]) =>
    row.join(' '),
  );
  const described = tableRows(read('docs/ops.md'), 'method').flatMap(([method, paths, role]) =>
    [...paths!.matchAll(/`([^`]+)`/g)].map(
      ([, path]) => `${method} ${path} ${path === '/metrics' || role === '–' ? 'open' : role}`,
    ),
  );
  t.ok(there.length > 20);
  t.strictSame(described.sort(), there.sort());
});
