import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { read, root, tableRows } from '../house/tree.ts';

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>;
}

const rows = tableRows(read('docs/tools.md'), 'tool');
const locks = ['package-lock.json', 'test/tools/package-lock.json'].map(
  file => JSON.parse(read(file)) as Lockfile,
);

function lockedVersions(name: string): readonly (string | undefined)[] {
  return locks.map(({ packages }) => packages[`node_modules/${name}`]?.version);
}

t.test('each tool that was run was run at the version of a lockfile', async t => {
  const named = rows.flatMap(([, , , checked]) => [
    ...checked!.matchAll(/`((?:@[^`/]+\/)?[^`@]+)@([^`]+)`/g),
  ]);
  t.ok(named.length >= 20);
  for (const [, name, version] of named) t.ok(lockedVersions(name!).includes(version), `${name} ${version}`);
});

t.test('each row says how it was checked, and the test named there speaks of it', async t => {
  for (const [tool, , , checked] of rows) {
    t.match(checked, /^(?:run: \[`|\[replayed\])/, tool!);
    const file = /\((\.\.\/test\/[a-z/-]+\.test\.ts)\)/.exec(checked!)![1]!;
    const words = readFileSync(join(root, 'docs', file), 'utf8').toLowerCase();
    const packages = [...checked!.matchAll(/`((?:@[^`/]+\/)?[^`@]+)@[^`]+`/g)].map(match => match[1]!);
    const subjects = packages.length > 0 ? packages : [tool!.split(',')[0]!.toLowerCase()];
    for (const subject of subjects) t.ok(words.includes(subject), `${file} has ${subject}`);
  }
});

t.test('each value is a base that the row of its provider states', async t => {
  for (const [tool, , value] of rows) {
    const [, provider, base] = /^`\/([a-z-]+)(\/[^`]*)?`$/.exec(value!)!;
    const { clients } = parse(read(`providers/${provider}.yaml`)) as { clients: readonly { base: string }[] };
    t.ok(
      clients.some(client => client.base === (base ?? '')),
      `${tool}: ${value}`,
    );
  }
});
