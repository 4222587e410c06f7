import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { DenyFault } from '../../../lib/keys/deny/deny-fault.ts';
import { DenySet } from '../../../lib/keys/deny/deny-set.ts';
import { FileSource } from '../../../lib/keys/deny/file-source.ts';
import { folderOf, TestHouse } from './house.ts';

const GOOD = `
- { kind: key, id: a, reason: fraud }
- { kind: subject, id: alice, reason: spend, until: 2030-01-01T00:00:00Z }
`;

async function lab(t: Test, text: string | null, changes: { known?: readonly string[] } = {}) {
  const house = new TestHouse();
  const set = new DenySet(house.clock);
  await set.addTable(1000);
  const book = set.addBook('file');
  const path = join(folderOf(t), 'deny.yaml');
  if (text !== null) writeFileSync(path, text);
  if (changes.known !== undefined) {
    for (const id of changes.known)
      set.put(book, set.named('key', id), { reason: 'known', untilMs: null, issuedBeforeMs: null }, 0);
    book.place = { ...book.place, origin: path };
  }
  set.onChanged(() => house.changes.notify());
  const open = () => {
    const source = new FileSource({
      path,
      set,
      book,
      warn: house.warn.bind(house),
      watch: { debounceMs: 5, pollMs: 20 },
    });
    t.teardown(() => source.close());
    return source;
  };
  const ids = () =>
    Array.from({ length: book.top }, (_, row) => book.at(row)?.id ?? '')
      .filter(id => id !== '')
      .sort();
  const become = (expected: readonly string[]) =>
    house.changes.until(() => JSON.stringify(ids()) === JSON.stringify(expected), `entries ${expected}`);
  return { house, set, book, path, open, ids, become };
}

t.test('what the file says is denied, as it changes', async t => {
  const { open, path, ids, become, set } = await lab(t, GOOD);
  const source = open();
  t.strictSame(ids(), ['a', 'alice']);
  t.equal(source.problem, null);
  writeFileSync(`${path}.new`, '- { kind: key, id: b, reason: left }\n');
  renameSync(`${path}.new`, path);
  await become(['b']);
  t.strictSame(set.holders(set.named('key', 'a')), []);
  writeFileSync(path, '[]');
  await become([]);
});

t.test('a file that breaks or vanishes leaves what it said, is told once, and comes back', async t => {
  const { open, path, ids, become, house } = await lab(t, GOOD);
  const source = open();
  const warned = (count: number) =>
    house.changes.until(() => house.warnings.length >= count, `warning ${count}`);
  writeFileSync(path, `${GOOD}- { kind: key, id: c }\n`);
  await warned(1);
  t.match(source.problem, /deny\.yaml:4:3: \[2\]\.reason: is missing/);
  t.strictSame(ids(), ['a', 'alice']);
  rmSync(path);
  await warned(2);
  t.match(source.problem, /does not exist/);
  writeFileSync(path, '');
  await warned(3);
  t.match(source.problem, /no list/, 'an empty file may be one that is being written');
  t.strictSame(ids(), ['a', 'alice']);
  writeFileSync(path, '- { kind: key, id: c, reason: left }\n');
  await become(['c']);
  await warned(4);
  t.equal(source.problem, null);
  t.strictSame(house.codes(), [
    'deny_file_broken',
    'deny_file_broken',
    'deny_file_broken',
    'deny_file_recovered',
  ]);
});

t.test('at the start a broken file is refused, with line and column', async t => {
  for (const [text, message] of [
    [null, /deny\.yaml: the file does not exist/],
    ['- { kind: token, id: a, reason: x }', /deny\.yaml:1:11: \[0\]\.kind: must be key, subject or issuer/],
    ['- { kind: key, id: 7, reason: x }', /deny\.yaml:1:20: \[0\]\.id: .*in quotes/],
    ['- { kind: key, id: a, reason: x, note: 3 }', /deny\.yaml:1:40: \[0\]\.note: is not known/],
    ['- key', /deny\.yaml:1:3: \[0\]: is a map/],
    ['- { kind: key', /deny\.yaml:1:/],
  ] as const) {
    const { open } = await lab(t, text);
    t.throws(open, DenyFault);
    t.throws(open, { message });
  }
});

t.test('unless an earlier run knew the file: then what it said is in force', async t => {
  const { open, ids, become, path, house } = await lab(t, '- {', { known: ['a', 'b'] });
  const source = open();
  t.type(source.problem, 'string');
  t.strictSame(ids(), ['a', 'b']);
  t.strictSame(house.codes(), ['deny_file_broken']);
  writeFileSync(path, '- { kind: key, id: b, reason: x }\n');
  await become(['b']);
});

t.test('of what stands there twice the stricter counts; what is over does not', async t => {
  const text = `
- { kind: key, id: a, reason: spend, until: 2030-01-01T00:00:00Z }
- { kind: key, id: a, reason: left, until: 2028-01-01T00:00:00Z }
- { kind: key, id: b, reason: left, until: 2020-01-01T00:00:00Z }
`;
  const { open, set } = await lab(t, text);
  open();
  const [held] = set.holders(set.named('key', 'a'));
  t.strictSame(held?.terms, { reason: 'left', untilMs: Date.UTC(2030, 0), issuedBeforeMs: null });
  t.strictSame(set.holders(set.named('key', 'b')), []);
});

t.test('many faults are not all shown', async t => {
  const { open } = await lab(t, '- 1\n'.repeat(40));
  t.throws(open, { message: /and 35 more$/ });
});
