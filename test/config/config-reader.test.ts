import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { ConfigReader } from '../../lib/config/index.ts';
import { CONTEXT, ENV, reader, readObject, readText, SCHEMA, summary } from './sample.ts';

const LISTEN = { host: '127.0.0.1', port: 8787, workers: 'auto' };

/** Settings of a config that must be good, with secrets shown as `<value>`. */
function settingsOf(result: ReturnType<typeof readText>): unknown {
  if (!result.ok) throw new Error(summary(result).join('\n'));
  return reveal(result.settings);
}

function reveal(value: unknown): unknown {
  if (value instanceof Secret) return `<${value.reveal()}>`;
  if (Array.isArray(value)) return value.map(reveal);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, reveal(member)]));
}

t.test('nothing at all is a config of defaults', async t => {
  for (const text of ['', '\n', '# only a comment\n', '---\n', '---\n...\n', '{}', '~', '\ufeff']) {
    t.strictSame(settingsOf(readText(text)), { listen: LISTEN }, JSON.stringify(text));
  }
});

const GOOD = `
listen: { port: 0, workers: 2, path: run/weir.sock, hosts: [a.example, b.example] }
origins:
  river: { keys: [env:RIVER_KEY, { id: spare, key: env:SPARE_KEY }] }
  lab: { url: http://10.0.0.5:8000, dialect: beta }
limits:
  bodyBytes: 64KiB
usage: { fsync: 500ms, store: sqlite:./data/weir.db, tags: { a.b: c } }
sink: { kind: hook, token: env:RIVER_KEY }
`;

const GOOD_SETTINGS = {
  listen: {
    host: '127.0.0.1',
    port: 0,
    workers: 2,
    path: '/etc/weir/run/weir.sock',
    hosts: ['a.example', 'b.example'],
  },
  origins: {
    river: { keys: ['<env-secret-value>', { id: 'spare', key: '<other-secret-value>', weight: 1 }] },
    lab: { url: 'http://10.0.0.5:8000', dialect: 'beta' },
  },
  limits: { bodyBytes: 65536, inflight: 4000 },
  usage: { fsync: 500, store: 'sqlite:/etc/weir/data/weir.db', onFull: 'serve', tags: { 'a.b': 'c' } },
  sink: { kind: 'hook', token: '<env-secret-value>', waitMs: 500 },
};

t.test('values are read into settings, defaults filled in, also inside unions', async t => {
  t.strictSame(settingsOf(readText(GOOD)), GOOD_SETTINGS);
  t.strictSame(settingsOf(readText(GOOD.replaceAll('\n', '\r\n'))), GOOD_SETTINGS, 'with CRLF');
  t.strictSame(settingsOf(readText(`%YAML 1.2\n---${GOOD}`)), GOOD_SETTINGS, 'with a version');
});

t.test('one reader reads many configs, each by itself', async t => {
  t.notOk(readText('listen: { port: x }').ok);
  t.strictSame(settingsOf(readText(GOOD)), GOOD_SETTINGS);
  t.notOk(readText('origins: { river: { keys: [env:NO_SUCH] } }').ok);
  t.strictSame(settingsOf(readText('')), { listen: LISTEN });
});

t.test('an empty section is the section with its defaults', async t => {
  const text = 'listen:\nlimits:\nusage: ~\norigins:\n  river:\n';
  t.strictSame(settingsOf(readText(text)), {
    listen: LISTEN,
    limits: { bodyBytes: 32 * 2 ** 20, inflight: 4000 },
    usage: { fsync: 1000, onFull: 'serve' },
    origins: { river: {} },
  });
  t.strictSame(settingsOf(readObject({ limits: null })), {
    listen: LISTEN,
    limits: { bodyBytes: 32 * 2 ** 20, inflight: 4000 },
  });
});

t.test('anchors and aliases repeat values without sharing them', async t => {
  const result = readText('origins:\n  a: &a { url: u, dialect: alpha, keys: [env:RIVER_KEY] }\n  b: *a\n');
  const lab = { url: 'u', dialect: 'alpha', keys: ['<env-secret-value>'] };
  t.strictSame(settingsOf(result), { listen: LISTEN, origins: { a: lab, b: lab } });
});

t.test('settings are frozen all the way down, and secrets still print as redacted', async t => {
  const result = readText(GOOD);
  if (!result.ok) throw new Error('not read');
  const open: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || value instanceof Secret) return;
    if (!Object.isFrozen(value)) open.push(path);
    for (const [key, member] of Object.entries(value)) visit(member, `${path}.${key}`);
  };
  visit(result.settings, 'settings');
  t.strictSame(open, []);
  t.throws(() => Object.assign(result.settings, { listen: 1 }), TypeError);
  t.notMatch(JSON.stringify(result), /secret-value/);
});

t.test('an object is read by the same rules as text', async t => {
  const object = {
    listen: { port: 0, workers: 2, path: 'run/weir.sock', hosts: ['a.example', 'b.example'], tls: undefined },
    origins: {
      river: { keys: ['env:RIVER_KEY', { id: 'spare', key: new Secret('other-secret-value') }] },
      lab: { url: 'http://10.0.0.5:8000', dialect: 'beta' },
    },
    limits: { bodyBytes: '64KiB' },
    usage: { fsync: 500, store: 'sqlite:./data/weir.db', tags: { 'a.b': 'c' } },
    sink: { kind: 'hook', token: new Secret('env-secret-value') },
  };
  t.strictSame(settingsOf(readObject(object)), GOOD_SETTINGS);
  t.equal(object.limits.bodyBytes, '64KiB', "the caller's object is not changed");
  t.notOk(Object.isFrozen(object) || Object.isFrozen(object.listen), 'nor frozen');
  t.strictSame(settingsOf(readObject(Object.freeze({ listen: Object.freeze({ port: 1 }) }))), {
    listen: { ...LISTEN, port: 1 },
  });
  t.ok(
    readObject(runInNewContext('({ listen: { hosts: ["a"] } })')).ok,
    'objects of another realm are plain too',
  );
  t.ok(readObject(Object.assign(Object.create(null), { limits: {} })).ok);
});

t.test('an object holds plain data and secrets, nothing else', async t => {
  const cycle: Record<string, unknown> = {};
  cycle.listen = cycle;
  class Custom {
    port = 1;
  }
  const plain = 'only plain data can stand here';
  const cases: [unknown, string][] = [
    [{ listen: new Custom() }, `listen: ${plain}`],
    [{ listen: () => 1 }, `listen: ${plain}`],
    [{ listen: { hosts: [new Date()] } }, `listen.hosts[0]: ${plain}`],
    [{ listen: { port: 1n } }, `listen.port: ${plain}`],
    [{ listen: { hosts: [undefined] } }, `listen.hosts[0]: ${plain}`],
    [{ listen: { hosts: new Array(4e9) } }, 'listen.hosts: the config is too large'],
    [{ listen: new Secret('x') }, 'listen: expected a map, got a secret'],
    [{ listen: { host: new Secret('x') } }, 'listen.host: expected text, got a secret'],
    [{ sink: { kind: 'hook', token: new Secret('') } }, 'sink.token: this secret is empty'],
    [JSON.parse('{"__proto__": {"a": 1}}'), '__proto__: this name is not allowed as a key'],
    [{ listen: JSON.parse('{"constructor": 1}') }, 'listen.constructor: this name is not allowed as a key'],
    [{ listen: { port: Number.NaN } }, 'listen.port: expected a whole number, got NaN'],
    [null, ': a config is a map of sections'],
    [[], ': a config is a map of sections'],
    ['listen', ': a config is a map of sections'],
    [undefined, `: ${plain}`],
    [new Secret('x'), ': a config is a map of sections'],
  ];
  for (const [value, expected] of cases) t.strictSame(summary(readObject(value)), [expected]);
  t.match(summary(readObject(cycle)), [/nested too deeply$/]);
  t.equal(({} as Record<string, unknown>).a, undefined, 'no prototype was touched');
});

t.test('a file is read with its own folder as the start of relative paths', async t => {
  const dir = t.testdir({ 'weir.yaml': GOOD, 'bad.yaml': 'listen:\n  prot: 1\n' });
  const file = join(dir, 'weir.yaml');
  const result = reader.readFile(file, ENV);
  t.match(settingsOf(result), { listen: { path: join(dir, 'run/weir.sock') } });
  const bad = join(dir, 'bad.yaml');
  t.strictSame(reader.readFile(bad, ENV), {
    ok: false,
    problems: [
      { file: bad, line: 2, column: 3, path: 'listen.prot', message: 'unknown key', suggestion: 'port' },
    ],
  });
});

t.test('a file that cannot be read is a problem, not a crash', async t => {
  const dir = t.testdir({ 'latin.yaml': '' });
  mkdirSync(join(dir, 'folder'));
  writeFileSync(join(dir, 'latin.yaml'), Buffer.from('a: 1\nb: caf\xe9\nc: 1\n', 'latin1'));
  writeFileSync(join(dir, 'large.yaml'), '# x\n'.repeat(2 ** 18 + 1));
  const read = (name: string) => summary(reader.readFile(join(dir, name), ENV));
  t.strictSame(read('absent.yaml'), [': the config file does not exist']);
  t.strictSame(read('latin.yaml/weir.yaml'), [': the config file does not exist']);
  t.strictSame(read('folder'), [': the config file is a directory']);
  t.strictSame(read('large.yaml'), [': the config file is larger than 1 MiB']);
  t.strictSame(read('latin.yaml'), ['2:1 : the config file is not UTF-8 text']);
});

t.test(
  'an endless file is given up',
  { skip: process.platform === 'win32' && 'no such file here' },
  async t => {
    t.strictSame(summary(reader.readFile('/dev/zero', ENV)), [': the config file is larger than 1 MiB']);
  },
);

t.test('rules between settings are asked last and get positions too', async t => {
  const checked = new ConfigReader<{ limits?: { inflight: number } }>(SCHEMA, settings =>
    settings.limits?.inflight === 7
      ? [
          { path: ['limits', 'inflight'], message: 'not seven' },
          { path: ['origins', 'river', 'keys', 0], message: 'nor this' },
        ]
      : [],
  );
  t.ok(checked.readText('limits: {}', CONTEXT).ok);
  const text = 'limits:\n  inflight: 7\norigins:\n  river:\n    keys:\n      - env:RIVER_KEY\n';
  t.strictSame(summary(checked.readText(text, CONTEXT)), [
    '2:13 limits.inflight: not seven',
    '6:9 origins.river.keys[0]: nor this',
  ]);
  const wrong = checked.readText('limits: { inflight: 7, bodyBytes: x }', CONTEXT);
  t.notMatch(summary(wrong), [/not seven/], 'only of settings that are valid by themselves');
});

t.test('a schema that could not do what it says is a mistake of the program', async t => {
  const property = (schema: object) => ({ type: 'object', properties: { a: schema } });
  const string = { type: 'string' };
  const cases: [object, RegExp][] = [
    [property({ oneOf: [string, { type: 'string', minLength: 1 }] }), /same type/],
    [property({ oneOf: [string, { secret: true }] }), /same type/],
    [property({ oneOf: [{ secret: 'reference' }, { secret: true }] }), /same type/],
    [property({ oneOf: [{ bytes: true }, { type: 'integer' }] }), /same type/],
    [property({ oneOf: [property({}), property(string)] }), /required property with a constant/],
    [property({ anyOf: [{ minLength: 1 }, { type: 'integer' }] }), /must say its type/],
    [property({ anyOf: [true, { type: 'integer' }] }), /say their type/],
    [property({ anyOf: [{ $ref: 'other#/x' }, { type: 'integer' }] }), /references into this schema/],
    [property({ not: { secret: true } }), /cannot stand in a condition/],
    [property({ secret: true, minLength: 3 }), /"minLength" does not go with "secret"/],
    [property({ secret: true, minimum: 3 }), /does not go with "secret"/],
    [property({ bytes: true, multipleOf: 3 }), /does not go with "bytes"/],
    [property({ type: 'string', minimun: 3 }), /unknown keyword/],
    [property({ minimum: 3 }), /missing type/],
    [property({ type: 'strnig' }), /type must be JSONType/],
    [property({ type: 'integer', minimum: '3' }), /minimum value must be/],
    [property({ type: 'string', pattern: '(' }), /Invalid regular expression/],
    [{ type: 'object', required: ['b'], properties: { a: string } }, /"b" is required, but no property/],
  ];
  for (const [schema, message] of cases) t.throws(() => new ConfigReader(schema), message);
});
