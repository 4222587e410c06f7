import t from 'tap';
import { formatProblems } from '../../lib/config/index.ts';
import { readObject, readText, summary } from './sample.ts';

const SECRET_HELP = 'use env:NAME or file:PATH';

/** Config text, and every problem in it: `line:column path: message (suggestion)`. */
const CASES: [string, ...string[]][] = [
  ['listne: {}', '1:1 listne: unknown key (listen)'],
  ['# a\n\nlisten:\n  host: h\n  prot: 1', '5:3 listen.prot: unknown key (port)'],
  ['listen: { Port: 1 }', '1:11 listen.Port: unknown key (port)'],
  ['limits: { body-bytes: 1MiB }', '1:11 limits.body-bytes: unknown key (bodyBytes)'],
  ['limits: { body: 1MiB }', '1:11 limits.body: unknown key (bodyBytes)'],
  ['limits: { speed: 9 }', '1:11 limits.speed: unknown key; the keys here are bodyBytes, inflight'],
  [
    '"listen":\n  "a b": 1',
    '2:3 listen.[hidden]: unknown key; the keys here are host, port, workers, path, hosts, tls',
  ],
  ['listen: 1', '1:9 listen: expected a map, got a number'],
  ['listen: []', '1:9 listen: expected a map, got a list'],
  ['listen: { port: "1" }', '1:17 listen.port: expected a whole number, got text'],
  ['listen: { port: 1.5 }', '1:17 listen.port: expected a whole number, got a fraction'],
  ['listen: { port: .nan }', '1:17 listen.port: expected a whole number, got NaN'],
  ['listen: { port: -1 }', '1:17 listen.port: must be at least 0'],
  ['listen: { port: 65536 }', '1:17 listen.port: must be at most 65535'],
  ['listen: { port: }', '1:17 listen.port: expected a whole number, got nothing'],
  ['listen: { host: "" }', '1:17 listen.host: must not be empty'],
  ['listen: { host: yes }'],
  ['listen: { hosts: a }', '1:18 listen.hosts: expected a list, got text'],
  ['listen: { hosts: [a, 1] }', '1:22 listen.hosts[1]: expected text, got a number'],
  ['listen: { hosts: [a, b, a] }', '1:18 listen.hosts: holds the same entry twice'],
  ['listen: { workers: atuo }', '1:20 listen.workers: expected auto or a whole number, got text (auto)'],
  ['listen: { workers: true }', '1:20 listen.workers: expected auto or a whole number, got true or false'],
  ['listen: { workers: 1.5 }', '1:20 listen.workers: expected auto or a whole number, got a fraction'],
  ['listen: { port: -.inf }', '1:17 listen.port: expected a whole number, got infinity'],
  ['listen: { workers: 0 }', '1:20 listen.workers: must be at least 1'],
  ['listen: { path: 1 }', '1:17 listen.path: expected a path, got a number'],
  ['listen: { path: "" }', '1:17 listen.path: expected a path, got nothing'],
  ['listen: { path: "a\\0b" }', '1:17 listen.path: expected a path'],
  ['usage: { store: "sqlite:" }', '1:17 usage.store: expected a path, got nothing'],
  ['usage: { onFull: Serve }', '1:18 usage.onFull: expected serve or refuse (serve)'],
  ['usage: { onFull: 5 }', '1:18 usage.onFull: expected serve or refuse'],
  ['usage: { tags: { a: b, c: d, e: f, g: h } }', '1:16 usage.tags: must have at most 3 entries'],
  ['usage: { fsync: 1S }', '1:17 usage.fsync: expected a duration such as 500ms, 30s or 5m (1s)'],
  ['usage: { fsync: 1.5 }', '1:17 usage.fsync: expected a duration such as 500ms, 30s or 5m'],
  ['usage: { fsync: 2m }', '1:17 usage.fsync: must be at most 1m'],
  ['limits: { bodyBytes: 32mib }', '1:22 limits.bodyBytes: expected a size such as 32MiB or 500kB (32MiB)'],
  ['limits: { bodyBytes: big }', '1:22 limits.bodyBytes: expected a size such as 32MiB or 500kB'],
  ['limits: { bodyBytes: [] }', '1:22 limits.bodyBytes: expected a size such as 32MiB or 500kB'],
  ['limits: { bodyBytes: 1kB }', '1:22 limits.bodyBytes: must be at least 1KiB'],
  ['limits: { bodyBytes: 2GiB }', '1:22 limits.bodyBytes: must be at most 1GiB'],
  [
    'origins: { Lab: { url: u, dialect: beta } }',
    '1:12 origins.Lab: this name is not allowed here: expected lower-case letters',
  ],
  ['origins: { lab: { url: u, dialect: gamma } }', '1:36 origins.lab.dialect: expected alpha or beta'],
  ['origins:\n  lab:\n    url: u', '2:3 origins.lab.dialect: this key is missing'],
  [
    'origins: { lab: }',
    '1:12 origins.lab.url: this key is missing',
    '1:12 origins.lab.dialect: this key is missing',
  ],
  [
    'origins: { rivr: { keys: [] } }',
    '1:12 origins.rivr: unknown name; a new one needs url, dialect (river)',
  ],
  ['origins: { river: { keys: [{ id: a }] } }', '1:28 origins.river.keys[0].key: this key is missing'],
  [
    'origins: { river: { keys: [{ id: A, key: env:RIVER_KEY }] } }',
    '1:34 origins.river.keys[0].id: expected lower-case letters',
  ],
  [
    'origins: { river: { keys: [7, { key: 7 }] } }',
    '1:28 origins.river.keys[0]: expected env:NAME or file:PATH or a map, got a number',
    `1:38 origins.river.keys[1].key: a secret does not stand in the config itself: ${SECRET_HELP}`,
  ],
  ['sink: {}', '1:1 sink.kind: this key is missing'],
  ['sink: { kind: hok }', '1:15 sink.kind: expected file or hook (hook)'],
  ['sink: { kind: hook, to: x }', '1:21 sink.to: unknown key; the keys here are kind, token, waitMs'],
  ['sink: { kind: file }', '1:1 sink.to: this key is missing'],
  ['sink: 5', '1:7 sink: expected a map, got a number'],
  ['access: {}', '1:9 access: needs at least one of open, list'],
  ['access: { open: true, admin: true, list: [] }', '1:9 access: open and admin cannot be set together'],
  [
    'access: { open: 1, admin: true }',
    '1:1 access.list: this key is missing: "admin" needs it',
    '1:9 access: open and admin cannot be set together',
    '1:17 access.open: expected true or false, got a number',
  ],
  [
    'listen: &l { prot: 1 }\norigins: { river: *l }',
    '1:14 listen.prot: unknown key (port)',
    '1:14 origins.river.prot: unknown key; the keys here are keys',
  ],
];

t.test('every problem says where it is and what would be right', async t => {
  for (const [text, ...expected] of CASES)
    t.strictSame(summary(readText(text)), expected, JSON.stringify(text));
});

t.test('an object gets the same problems, without positions', async t => {
  t.strictSame(summary(readObject({ listen: { prot: 1, hosts: ['a', 1] }, usage: { fsync: '1S' } })).sort(), [
    'listen.hosts[1]: expected text, got a number',
    'listen.prot: unknown key (port)',
    'usage.fsync: expected a duration such as 500ms, 30s or 5m (1s)',
  ]);
});

t.test('all problems are told at once, in the order of the file', async t => {
  const text = 'usage: { onFull: x }\nlimits: { inflight: x }\nlisten: { prot: 1 }\n';
  t.strictSame(
    summary(readText(text)).map(line => line.split(' ')[0]),
    ['1:18', '2:21', '3:11'],
  );
  const many = `usage:\n  tags:\n${Array.from({ length: 200 }, (_, i) => `    k${i}: 1\n`).join('')}`;
  t.equal(summary(readText(many)).length, 50, 'but not more than anyone reads');
});

t.test('a problem prints as one line', async t => {
  const base = { line: 3, column: 5, path: 'listen.prot', message: 'unknown key', suggestion: 'port' };
  const problems = [
    { ...base, file: 'weir.yaml' },
    { ...base, file: null, suggestion: null },
    { ...base, file: null, line: null, column: null },
    { ...base, file: 'weir.yaml', line: null, column: null, path: '', message: 'gone', suggestion: null },
  ];
  t.equal(
    formatProblems(problems),
    [
      'weir.yaml:3:5: listen.prot: unknown key (did you mean "port"?)',
      'config:3:5: listen.prot: unknown key',
      'listen.prot: unknown key (did you mean "port"?)',
      'weir.yaml: gone',
    ].join('\n'),
  );
});
