import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { formatProblems, readPlacedList } from '../../lib/config/index.ts';

function read(t: Test, text: string | Buffer) {
  const file = join(t.testdir(), 'list.yaml');
  writeFileSync(file, text);
  const list = readPlacedList(file);
  const problems = list.ok ? null : formatProblems(list.problems).replaceAll(file, 'F');
  return { file, list, problems };
}

t.test('items come with their places', async t => {
  const { file, list } = read(t, '# two\n- { kind: key, id: a }\n- kind: key\n  id: 7\n');
  if (!list.ok) throw new Error('it is a list');
  t.strictSame(
    list.items.map(({ value }) => value),
    [
      { kind: 'key', id: 'a' },
      { kind: 'key', id: 7 },
    ],
  );
  const [first, second] = list.items;
  t.equal(formatProblems([second!.problem(['id'], 'is no text')]), `${file}:4:7: [1].id: is no text`);
  t.equal(formatProblems([first!.problem([], 'is odd')]), `${file}:2:3: [0]: is odd`);
  t.equal(
    formatProblems([first!.problem(['reason'], 'is missing')]),
    `${file}:2:3: [0].reason: is missing`,
    'a member that is not there is missed where the item stands',
  );
});

t.test('an empty list is said, not meant', async t => {
  t.strictSame(read(t, '[] # nobody').list, { ok: true, items: [] });
  for (const text of ['', '# only a comment\n', '---\n', '{}', 'a: 1', '7'])
    t.match(read(t, text).problems, /^F:\d+:\d+: this is no list/, JSON.stringify(text));
});

t.test('what is no YAML, or no file, says where', async t => {
  t.match(read(t, '- a\n- {b\n').problems, /^F:\d+:\d+: /);
  t.match(read(t, '- { a: 1, a: 2 }').problems, /^F:1:11: \[0\].a: duplicate key/);
  t.equal(read(t, Buffer.from([0x2d, 0x20, 0x61, 0x0a, 0xff])).problems, 'F:2:1: the file is not UTF-8 text');
  const list = readPlacedList(join(t.testdir(), 'nothing.yaml'));
  t.match(list.ok ? '' : formatProblems(list.problems), /nothing\.yaml: the file does not exist$/);
});
