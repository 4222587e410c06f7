import {
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { editYamlList, readYamlList, type YamlListChange } from '../../lib/config/index.ts';

type Entry = Readonly<Record<string, unknown>>;

const byId = (id: string) => (entry: unknown) => (entry as Entry | null)?.id === id;
const put = (entry: Entry): YamlListChange => ({ matches: byId(entry.id as string), replacement: entry });
const drop = (id: string): YamlListChange => ({ matches: byId(id), replacement: null });

const LIST = `# who may not

# the loud one
- kind: key   # by its id
  id: a
  reason: fraud

- { kind: key, id: b, reason: spend } # until paid
# the last one
- { kind: subject, id: "0123", reason: 'yes' }
# the end
`;

function file(t: Test, text: string | null): string {
  const folder = t.testdir({});
  const path = join(folder, 'list.yaml');
  if (text !== null) writeFileSync(path, text);
  return path;
}

t.test('an entry is added at the end, all other words stay', async t => {
  const path = file(t, LIST);
  t.strictSame(await editYamlList(path, put({ kind: 'key', id: 'c', until: '2030-01-01T00:00:00Z' })), {
    ok: true,
    matched: 0,
    count: 4,
  });
  const text = readFileSync(path, 'utf8');
  t.match(text, /\n- \{ kind: key, id: c, until: 2030-01-01T00:00:00Z \}\n/);
  for (const comment of LIST.match(/#.*/g)!) t.ok(text.includes(comment), comment);
  t.strictSame(parse(text), [
    { kind: 'key', id: 'a', reason: 'fraud' },
    { kind: 'key', id: 'b', reason: 'spend' },
    { kind: 'subject', id: '0123', reason: 'yes' },
    { kind: 'key', id: 'c', until: '2030-01-01T00:00:00Z' },
  ]);
  t.strictSame(readdirSync(join(path, '..')), ['list.yaml'], 'nothing else is left');
});

t.test('an entry is replaced where it stood, with the words beside it', async t => {
  const path = file(t, LIST);
  t.strictSame(await editYamlList(path, put({ id: 'b', reason: 'fraud' })), {
    ok: true,
    matched: 1,
    count: 3,
  });
  t.match(readFileSync(path, 'utf8'), /\n- \{ id: b, reason: fraud \} # until paid\n# the last one\n/);
});

t.test('an entry is removed, its neighbours keep their comments', async t => {
  const path = file(t, LIST);
  t.strictSame(await editYamlList(path, drop('b')), { ok: true, matched: 1, count: 2 });
  const text = readFileSync(path, 'utf8');
  t.notMatch(text, /id: b|until paid/);
  for (const comment of ['# who may not', '# the loud one', '# by its id', '# the last one', '# the end'])
    t.ok(text.includes(comment), comment);
  const before = statSync(path);
  t.strictSame(await editYamlList(path, drop('b')), { ok: true, matched: 0, count: 2 });
  t.equal(statSync(path).ino, before.ino, 'nothing to remove leaves the file alone');
  await editYamlList(path, drop('a'));
  await editYamlList(path, drop('0123'));
  t.strictSame(readYamlList(path), { ok: true, entries: [] });
  await editYamlList(path, put({ id: 'z' }));
  t.match(readFileSync(path, 'utf8'), /^- \{ id: z \}$/m, 'an entry a line again');
});

t.test('words above the first entry stay when it goes, those about it alone do not', async t => {
  const cases = [
    ['# head\n- id: a\n# of b\n- id: b\n', '# head\n# of b\n- id: b\n'],
    ['# head\n\n# of a\n- id: a\n- id: b\n', '# head\n- id: b\n'],
    ['# head\n\n# more\n\n# of a\n- id: a\n- id: b\n', '# head\n\n# more\n- id: b\n'],
    ['- id: a\n- id: b\n', '- id: b\n'],
    ['# head\n- id: a\n', '# head\n[]\n'],
  ] as const;
  for (const [text, left] of cases) {
    const path = file(t, text);
    await editYamlList(path, put({ id: 'a', reason: 'x' }));
    t.equal(readFileSync(path, 'utf8'), text.replace('id: a', '{ id: a, reason: x }'));
    await editYamlList(path, drop('a'));
    t.equal(readFileSync(path, 'utf8'), left);
  }
});

t.test('a file that is absent, empty, or only comments', async t => {
  for (const text of [null, '', '# nobody yet\n', '[]\n', '---\n', '\ufeff# with a mark\n']) {
    const path = file(t, text);
    t.strictSame(await editYamlList(path, put({ id: 'a' })), { ok: true, matched: 0, count: 1 });
    t.strictSame(readYamlList(path), { ok: true, entries: [{ id: 'a' }] });
    const comment = text?.match(/# .*/)?.[0];
    if (comment !== undefined) t.ok(readFileSync(path, 'utf8').includes(comment));
  }
  const path = file(t, null);
  t.strictSame(await editYamlList(path, drop('a')), { ok: true, matched: 0, count: 0 });
  t.strictSame(readYamlList(path), { ok: false, message: `${path} does not exist` });
});

t.test('what is no such list is refused and left as it is', async t => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['a: 1\n', /list\.yaml is not a list/],
    ['just words\n', /is not a list/],
    ['- {id: a\n', /list\.yaml:\d+:\d+: /],
    ['- !!binary aGk=\n', /tags/],
    ['- &one {id: a}\n- *one\n- {id: b}\n', /edit it by hand/],
  ];
  for (const [text, message] of cases) {
    const path = file(t, text);
    const edited = await editYamlList(path, text.includes('&one') ? dropFirst() : put({ id: 'x' }));
    t.equal(edited.ok, false, text);
    t.match(edited.ok ? '' : edited.message, message);
    t.equal(readFileSync(path, 'utf8'), text);
    t.strictSame(readdirSync(join(path, '..')), ['list.yaml']);
  }
  const folder = t.testdir({});
  t.match(await editYamlList(folder, put({ id: 'x' })), { ok: false, message: /is a directory/ });
  t.match(await editYamlList(join(folder, 'no/such.yaml'), put({ id: 'x' })), {
    ok: false,
    message: /ENOENT/,
  });
});

/** Takes the entry that holds the anchor, not the one that uses it. */
function dropFirst(): YamlListChange {
  let isFirst = new Set<unknown>();
  return {
    matches: entry => {
      if (isFirst.size === 0) isFirst = new Set([entry]);
      return isFirst.has(entry);
    },
    replacement: null,
  };
}

t.test('a link stays a link, rights stay rights', async t => {
  const path = file(t, '- { id: a }\n');
  chmodSync(path, 0o640);
  const link = join(path, '../link.yaml');
  symlinkSync('list.yaml', link);
  await editYamlList(link, put({ id: 'b' }));
  t.ok(lstatSync(link).isSymbolicLink());
  t.strictSame(parse(readFileSync(path, 'utf8')), [{ id: 'a' }, { id: 'b' }]);
  t.equal(statSync(path).mode & 0o777, 0o640);
});

t.test('of edits at the same time none is lost', async t => {
  const path = file(t, LIST);
  const ids = Array.from({ length: 12 }, (_, i) => `n${i}`);
  const edits = await Promise.all(ids.map(id => editYamlList(path, put({ id }))));
  t.ok(edits.every(({ ok }) => ok));
  const list = readYamlList(path);
  t.ok(list.ok);
  const found = list.ok ? list.entries.map(entry => (entry as Entry).id) : [];
  t.strictSame(found.slice(3).sort(), ids.toSorted());
  t.strictSame(readdirSync(join(path, '..')), ['list.yaml']);
});

t.test('a lock that nobody gives back is named', async t => {
  const path = file(t, LIST);
  writeFileSync(`${path}.lock`, '');
  const edited = await editYamlList(path, put({ id: 'x' }), 50);
  t.match(edited, { ok: false, message: `${path}.lock is there` });
  t.equal(readFileSync(path, 'utf8'), LIST);
});

t.test('any values come back as they were put in', async t => {
  const path = file(t, null);
  const value = fc.string({ unit: 'grapheme', minLength: 0, maxLength: 40 });
  const scalar = fc.oneof(
    value,
    fc.constantFrom(
      'true',
      'null',
      '~',
      '0x10',
      '1e3',
      '- a',
      '# c',
      "it's",
      '"',
      ' ',
      '2030-01-01',
      'a: b',
      '{',
      '*a',
      '&a',
      '!x',
      '%',
      '@',
      '`',
      'a\nb',
      '\u0085',
      '\ufeff',
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(scalar, { minLength: 1, maxLength: 5 }), scalar, async (ids, reason) => {
      writeFileSync(path, '# kept\n');
      for (const id of ids) {
        const edited = await editYamlList(path, put({ id, reason }));
        if (!edited.ok) throw new Error(edited.message);
      }
      const list = readYamlList(path);
      t.strictSame(list, { ok: true, entries: ids.map(id => ({ id, reason })) });
      await editYamlList(path, drop(ids[0]!));
      t.strictSame(readYamlList(path), { ok: true, entries: ids.slice(1).map(id => ({ id, reason })) });
    }),
    { numRuns: 60 },
  );
});
