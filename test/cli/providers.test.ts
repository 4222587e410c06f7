import t from 'tap';
import { describeProviders, loadCatalogue } from '../../lib/providers/index.ts';
import { runMain } from './run-main.ts';

const rows = describeProviders(loadCatalogue());

t.test('the table has a line for every provider', async t => {
  const { status, stdout } = await runMain(['providers']);
  t.equal(status, 0);
  const lines = stdout.split('\n');
  t.match(lines[0], /^NAME +TITLE +BASE URL TO SET +KEY AS +VERIFIED$/);
  for (const row of rows) {
    const line = lines.find(text => text.startsWith(`${row.name} `));
    t.ok(line?.includes(row.title), row.name);
    t.ok(
      line?.includes(` http://127.0.0.1:8787/${row.name}${row.clients[0]?.base}`),
      `${row.name}: base URL`,
    );
    t.ok(line?.endsWith(row.verified ? ' yes' : ' no'), `${row.name}: verified`);
  }
  t.ok(
    rows.some(row => !row.verified),
    'some rows are not verified',
  );
});

t.test('one provider whole, for a given gateway', async t => {
  for (const row of rows) {
    const { status, stdout } = await runMain(['providers', row.name, '--url', 'https://llm.example.com/']);
    t.equal(status, 0);
    for (const { tool, base } of row.clients) {
      const url = `https://llm.example.com/${row.name}${base}`;
      const isLine = (text: string): boolean => text.startsWith(`  ${tool}  `) && text.endsWith(`  ${url}`);
      t.ok(stdout.split('\n').some(isLine), `${row.name}: ${tool}`);
    }
    for (const page of row.docs) t.ok(stdout.includes(page));
    for (const fact of row.unverified) t.match(stdout, new RegExp(`verified .*${fact}`));
  }
});

t.test('JSON is the rows', async t => {
  const all = await runMain(['providers', '--json']);
  t.same(JSON.parse(all.stdout), JSON.parse(JSON.stringify(rows)));
  const one = await runMain(['providers', 'demo', '--json']);
  t.match(JSON.parse(one.stdout), { name: 'demo' });
});

t.test('an unknown name is exit 2 with the nearest one, by alias too', async t => {
  const row = rows.find(({ aliases }) => aliases.length > 0)!;
  const cases = [
    ['dmo', /'dmo'[\s\S]*Did you mean demo\?/],
    [row.aliases[0]!, new RegExp(`Did you mean ${row.name}\\?`)],
    ['qqqqqqqqq', /no provider is called 'qqqqqqqqq'/],
  ] as const;
  for (const [name, message] of cases) {
    const { status, stdout, stderr } = await runMain(['providers', name]);
    t.equal(status, 2, name);
    t.equal(stdout, '');
    t.match(stderr, message);
  }
});
