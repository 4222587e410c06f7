import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import t from 'tap';
import { filesBelow, read, tableRows } from './tree.ts';

const architecture = read('ARCHITECTURE.md');
const ranks = new Map(tableRows(architecture, 'room').map(([room, rank]) => [room!, Number(rank)]));
const owners = new Map(tableRows(architecture, 'package').map(([name, room]) => [name!, room!.split(', ')]));
const builtins = new Set(builtinModules);

function specifiers(source: string): string[] {
  const found = source.matchAll(
    /^\s*(?:import|export)\b[^;'"]*?from\s+'([^']+)'|\bimport\('([^']+)'\)|^import\s+'([^']+)'/gm,
  );
  return [...found].map(match => (match[1] ?? match[2] ?? match[3])!);
}

function roomOf(file: string): string | null {
  const [lib, room, ...rest] = file.split('/');
  return lib === 'lib' && rest.length > 0 ? room! : null;
}

t.test('every room of lib is in the table, and every row is a room', async t => {
  const rooms = new Set(
    filesBelow('lib')
      .map(roomOf)
      .filter(room => room !== null),
  );
  t.strictSame([...rooms].sort(), [...ranks.keys()].sort());
});

t.test('imports go to lower ranks, through index.ts', async t => {
  const faults: string[] = [];
  for (const file of filesBelow('lib')) {
    const from = roomOf(file);
    for (const specifier of specifiers(read(file))) {
      if (!specifier.startsWith('.')) continue;
      const target = join(dirname(file), specifier);
      const to = roomOf(target);
      if (from === to || from === null) continue;
      if (to === null || ranks.get(to)! >= ranks.get(from)!) faults.push(`${file} may not import ${target}`);
      else if (target !== `lib/${to}/index.ts`) faults.push(`${file} must go through the door of ${to}`);
    }
  }
  t.strictSame(faults, []);
});

t.test('each package has its room and its line', async t => {
  const used = new Set<string>();
  const faults: string[] = [];
  for (const file of [...filesBelow('lib'), ...filesBelow('bin')]) {
    for (const specifier of specifiers(read(file))) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      if (builtins.has(name)) faults.push(`${file} names ${name} without node:`);
      used.add(name);
      if (!owners.get(name)?.includes(roomOf(file) ?? 'bin')) faults.push(`${file} may not import ${name}`);
    }
  }
  t.strictSame(faults, []);
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  t.strictSame([...used].sort(), Object.keys(dependencies).sort(), 'what is used is what is installed');
  t.strictSame([...owners.keys()].sort(), Object.keys(dependencies).sort(), 'each dependency says why');
});

t.test('only the index and the mint are exported', async t => {
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> };
  t.strictSame(Object.keys(exports), ['.', './mint', './package.json']);
});
