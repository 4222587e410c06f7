import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import t from 'tap';
import { nodeProblem } from '../../lib/cli/node-version.ts';

const root = join(import.meta.dirname, '../..');

/** The first node below 24 on PATH, or null. The checkout's own is newer. */
function oldNode(): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const node = join(folder, 'node');
    const { status, stdout } = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' });
    if (status === 0 && Number(stdout.split('.')[0]) < 24) return node;
  }
  return null;
}

t.test('24 and later are fine, earlier ones are told what to do', async t => {
  for (const version of ['24.0.0', '24.11.1', '26.10.0', '100.0.0'])
    t.equal(nodeProblem(version), null, version);
  for (const version of ['23.11.0', '22.18.0', '20.20.2', '9.0.0']) {
    const problem = nodeProblem(version);
    t.match(problem, /Weir needs Node 24 or later/, version);
    t.match(problem, version);
    t.match(problem, /Install/);
  }
});

const node = oldNode();

t.test(
  'npm start on an old node says what to do',
  { skip: node === null && 'no node below 24 here' },
  async t => {
    const { status, stdout, stderr } = spawnSync(node!, [join(root, 'bin/start.mjs')], { encoding: 'utf8' });
    t.equal(status, 1);
    t.equal(stdout, '');
    t.match(stderr, /Weir needs Node 24 or later; npm start found Node \d+\.\d+\.\d+/);
    t.match(stderr, /npm ci --include=dev/);
  },
);

t.test('npm start on a new node is the command line', async t => {
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'bin/start.mjs'), '--version'], {
    encoding: 'utf8',
  });
  t.equal(status, 0);
  t.match(stdout, /^\d+\.\d+\.\d+\n$/);
});
