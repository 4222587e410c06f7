import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runMain } from './run-main.ts';

const CANARY = 'sk-canary-c0ffee';

const GOOD = `
providers: { demo: {} }
auth: { staticKeys: [{ id: team, key: env:TEAM_KEY }] }
`;

function fileWith(t: { testdir(files: Record<string, string>): string }, text: string): string {
  const file = join(t.testdir({}), 'weir.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

t.test('a good config', async t => {
  const file = fileWith(t, GOOD);
  const env = { TEAM_KEY: CANARY };
  const plain = await runMain(['check', '--config', file], { env });
  t.equal(plain.status, 0, plain.stderr);
  t.equal(plain.stdout, `ok  ${file}\n`);

  const explained = await runMain(['check', '-c', file, '--explain'], { env });
  t.equal(explained.status, 0);
  t.match(explained.stdout, /identify/, 'the stages are named');
  t.notMatch(explained.stdout, CANARY);

  const json = await runMain(['check', '--config', file, '--explain', '--json'], { env });
  const report = JSON.parse(json.stdout) as { ok: boolean; explained: string[] };
  t.equal(report.ok, true);
  t.ok(report.explained.length > 0);
});

t.test('no file is a config too', async t => {
  const { status, stdout } = await runMain(['check']);
  t.equal(status, 0);
  t.match(stdout, /^ok {2}/);
});

t.test('a bad config is exit 2 with every problem, its place and the nearest key', async t => {
  const file = fileWith(t, `listen: { prt: 1 }\nprovders: { x: ${CANARY} }\n`);
  const plain = await runMain(['check', '--config', file]);
  t.equal(plain.status, 2);
  t.equal(plain.stdout, '');
  t.match(plain.stderr, `${file}:1:`);
  t.match(plain.stderr, /did you mean "port"\?/);
  t.match(plain.stderr, `${file}:2:`);
  t.match(plain.stderr, /did you mean "providers"\?/);
  t.notMatch(plain.stderr, CANARY);

  const json = await runMain(['check', '--config', file, '--json']);
  t.equal(json.status, 2);
  t.equal(json.stderr, '');
  const report = JSON.parse(json.stdout) as { ok: boolean; problems: { line: number }[] };
  t.equal(report.ok, false);
  t.same(
    report.problems.map(({ line }) => line),
    [1, 2],
  );
});

t.test('a file that is not there', async t => {
  const { status, stderr } = await runMain(['check', '--config', '/no/such/weir.yaml']);
  t.equal(status, 2);
  t.match(stderr, '/no/such/weir.yaml');
});
