import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { type ConfigResult, formatProblems } from '../../lib/config/index.ts';
import { CONTEXT, ENV, reader, readObject, readText } from './sample.ts';

const GOOD = `# a good config
listen: { port: 0, workers: 2, path: run/weir.sock, hosts: [a.example] }
origins:
  river:
    keys: [env:RIVER_KEY, { id: spare, key: env:SPARE_KEY, weight: 2 }]
  lab: &lab { url: "http://10.0.0.5:8000", dialect: beta, keys: [env:RIVER_KEY] }
  copy: *lab
limits:
  bodyBytes: 64KiB
usage: { fsync: 500ms, store: 'sqlite:./data/weir.db', tags: { a: b } }
sink: { kind: hook, token: env:RIVER_KEY }
`;

/** Bits of syntax that break things. */
const PIECES = [
  '\n',
  ' ',
  '\t',
  '\0',
  ':',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '*lab',
  '&lab ',
  '!!js/function ',
  '<<: ',
  '"',
  "'",
  '|',
  '>',
  '#',
  '%',
  '---\n',
  '__proto__: ',
  '? ',
  'null',
  '~',
  '.nan',
  '1e999',
  'env:',
  'file:',
  '\ufeff',
  '\ud800',
  '{{',
  '}}',
];

type Edit = { readonly at: number; readonly drop: number; readonly insert: string };

const edits = fc.array(
  fc.record({
    at: fc.nat(GOOD.length),
    drop: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(60)),
    insert: fc.oneof(fc.constant(''), fc.constantFrom(...PIECES), fc.string({ maxLength: 6 })),
  }),
  { maxLength: 4 },
);

function mutate(text: string, changes: readonly Edit[]): string {
  return changes.reduce(
    (mutated, { at, drop, insert }) => mutated.slice(0, at) + insert + mutated.slice(at + drop),
    text,
  );
}

/** Like a provider's key, in one of the forms that they have. */
const canaries = fc.nat().chain(seed => {
  const hash = createHash('sha256').update(String(seed)).digest();
  return fc.constantFrom(
    hash.toString('hex').slice(0, 32),
    `sk-proj-${hash.toString('base64url')}`,
    hash.toString('base64'),
  );
});

function isWellFormed(result: ConfigResult<unknown>): boolean {
  if (result.ok) return Object.isFrozen(result.settings);
  return (
    result.problems.length > 0 &&
    result.problems.length <= 50 &&
    result.problems.every(
      ({ line, column, message }) => (line ?? 0) >= 1 && (column ?? 0) >= 1 && message !== '',
    )
  );
}

t.test('a damaged config is read or refused, and never throws', async t => {
  t.ok(readText(GOOD).ok);
  fc.assert(
    fc.property(edits, changes => isWellFormed(readText(mutate(GOOD, changes)))),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => isWellFormed(readText(text))));
  t.pass('held');
});

t.test('positions lie inside the text', async t => {
  fc.assert(
    fc.property(edits, changes => {
      const text = mutate(GOOD, changes);
      const result = readText(text);
      const lines = text.split('\n');
      if (result.ok) return;
      for (const { line, column } of result.problems) {
        const length = lines[line! - 1]?.length ?? -1;
        if (column! > length + 1) throw new Error(`${line}:${column} in ${JSON.stringify(text)}`);
      }
    }),
  );
  t.pass('held');
});

t.test('no problem and no warning ever holds a secret', async t => {
  const places = [...GOOD.matchAll(/[A-Za-z_]{3,}|env:|:\s|\[|\{/g)].map(
    match => match.index + match[0].length,
  );
  const forms = fc.constantFrom(
    '%',
    ' %',
    ' % ',
    '"%"',
    "'%'",
    'env:%',
    'file:%',
    'file:/run/%',
    '{ % }',
    '{%: 1}',
    '*%',
    '&%',
    '!%',
    '\n%',
    '\n%: 1',
    '\n  %: { % }',
    '[%]',
    '"%',
  );
  const property = fc.property(
    edits,
    canaries,
    fc.constantFrom(...places),
    forms,
    (changes, canary, at, form) => {
      const damaged = mutate(GOOD, changes);
      const text = damaged.slice(0, at) + form.replaceAll('%', canary) + damaged.slice(at);
      const result = reader.readText(text, { ...CONTEXT, env: { ...ENV, SPARE_KEY: canary } });
      const said = result.ok
        ? result.warnings.join('\n')
        : JSON.stringify(result) + formatProblems(result.problems);
      for (const part of [canary, canary.slice(0, 16), canary.slice(-16)]) {
        if (said.includes(part)) throw new Error(`${part} in ${said} for ${text}`);
      }
    },
  );
  fc.assert(property, { numRuns: 600 });
  t.pass('held');
});

/** Configs of known and unknown keys with values of every kind. */
const values = fc.oneof(
  fc.constantFrom<unknown>(
    'env:RIVER_KEY',
    'env:NO_SUCH',
    'auto',
    'beta',
    'serve',
    '64KiB',
    '500ms',
    'x',
    '',
    'file',
    'hook',
  ),
  fc.integer({ min: -2, max: 70_000 }),
  fc.constantFrom<unknown>(true, null, 0.5),
  fc.array(fc.constantFrom<unknown>('a', 'b', 1, null), { maxLength: 3 }),
);
const keys = fc.constantFrom(
  'listen',
  'port',
  'host',
  'workers',
  'origins',
  'river',
  'lab',
  'keys',
  'key',
  'id',
  'url',
  'dialect',
  'limits',
  'bodyBytes',
  'usage',
  'fsync',
  'onFull',
  'tags',
  'sink',
  'kind',
  'to',
  'access',
  'open',
  'list',
  'other',
);
const sections = fc.dictionary(
  keys,
  fc.oneof(values, fc.dictionary(keys, values), fc.array(fc.dictionary(keys, values))),
);
const objects = fc.dictionary(keys, fc.oneof(values, sections, fc.dictionary(keys, sections)));

t.test('an object and its JSON, which is YAML, are read alike', async t => {
  const shape = (result: ConfigResult<unknown>) =>
    result.ok
      ? JSON.stringify(result)
      : result.problems
          .map(({ path, message, suggestion }) => `${path} ${message} ${suggestion}`)
          .sort()
          .join('\n');
  fc.assert(
    fc.property(objects, object => shape(readObject(object)) === shape(readText(JSON.stringify(object)))),
    { numRuns: 150 },
  );
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
      value => {
        const result = readObject(value);
        return result.ok || result.problems.every(({ line, message }) => line === null && message !== '');
      },
    ),
  );
  t.pass('held');
});
