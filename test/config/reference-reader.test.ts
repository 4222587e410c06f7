import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { ConfigReader, formatProblems } from '../../lib/config/index.ts';
import { reader, summary } from './sample.ts';

const simple = new ConfigReader<Record<string, unknown>>({
  type: 'object',
  properties: {
    key: { secret: true },
    other: { secret: true },
    cert: { text: true },
    folder: { path: true },
    store: { path: 'sqlite:' },
  },
});

/** A folder with secrets in it, and a way to read configs there. */
function setUp(t: Test) {
  const dir = t.testdir({
    'key.txt': 'file-secret\n',
    'crlf.txt': 'crlf-secret\r\n\r\n',
    'pem.txt': '-----BEGIN-----\nabc\n-----END-----\n',
    'empty.txt': '',
    'newlines.txt': '\n\n',
    'spaces.txt': '  \n',
    secrets: { token: 'nested-secret' },
  });
  for (const name of ['key.txt', 'crlf.txt', 'pem.txt', 'empty.txt', 'secrets/token'])
    chmodSync(join(dir, name), 0o600);
  const env = {
    KEY: 'env-secret',
    PADDED: 'padded-secret\n',
    EMPTY: '',
    SPACES: ' ',
    'ODD.NAME': 'odd-secret',
  };
  const read = (config: Record<string, unknown>) =>
    simple.readObject(config, { file: null, baseDir: dir, env });
  return { dir, env, read };
}

function revealed(result: ReturnType<typeof simple.readObject>, name: string): unknown {
  if (!result.ok) return summary(result);
  const secret = result.settings[name];
  return secret instanceof Secret ? secret.reveal() : secret;
}

t.test('secrets come from the environment or from files', async t => {
  const { dir, read } = setUp(t);
  const cases: [string, string][] = [
    ['env:KEY', 'env-secret'],
    ['env:PADDED', 'padded-secret'],
    ['env:ODD.NAME', 'odd-secret'],
    ['file:key.txt', 'file-secret'],
    ['file:./key.txt', 'file-secret'],
    ['file:crlf.txt', 'crlf-secret'],
    ['file:pem.txt', '-----BEGIN-----\nabc\n-----END-----'],
    ['file:secrets/token', 'nested-secret'],
    [`file:${join(dir, 'key.txt')}`, 'file-secret'],
    [`file://${join(dir, 'key.txt')}`, 'file-secret'],
  ];
  for (const [reference, expected] of cases)
    t.equal(revealed(read({ key: reference }), 'key'), expected, reference);
});

t.test('what cannot be followed is named, and its content is not', async t => {
  const { dir, read } = setUp(t);
  mkdirSync(join(dir, 'folder'));
  writeFileSync(join(dir, 'binary'), Buffer.from([0xff, 0xfe, 0xfd]), { mode: 0o600 });
  writeFileSync(join(dir, 'large'), 'x'.repeat(2 ** 20 + 1), { mode: 0o600 });
  const cases: [string, string][] = [
    ['env:MISSING', 'the environment variable MISSING is not set'],
    ['env:KEYY', 'the environment variable KEYY is not set (env:KEY)'],
    ['env:constructor', 'the environment variable constructor is not set'],
    ['env:EMPTY', 'the environment variable EMPTY is empty'],
    ['env:SPACES', 'the environment variable SPACES is empty'],
    ['file:absent', `the file absent in ${dir} does not exist`],
    ['file:/no/such/file', 'the file /no/such/file does not exist'],
    ['file:///no/such/file', 'the file ///no/such/file does not exist'],
    ['file:key.txt/x', `the file key.txt/x in ${dir} does not exist`],
    ['file:folder', `the file folder in ${dir} is a directory`],
    ['file:empty.txt', `the file empty.txt in ${dir} is empty`],
    ['file:newlines.txt', `the file newlines.txt in ${dir} is empty`],
    ['file:spaces.txt', `the file spaces.txt in ${dir} is empty`],
    ['file:binary', `the file binary in ${dir} is not UTF-8 text`],
    ['file:large', `the file large in ${dir} is larger than 1 MiB`],
    ['file:a\0b', `the file [hidden] in ${dir} does not exist`],
  ];
  for (const [reference, expected] of cases) {
    t.strictSame(summary(read({ key: reference })), [`key: ${expected}`], reference);
  }
});

t.test(
  'a file without permission is named',
  { skip: process.getuid?.() === 0 && 'root may read all' },
  async t => {
    const { dir, read } = setUp(t);
    chmodSync(join(dir, 'key.txt'), 0o000);
    t.match(summary(read({ key: 'file:key.txt' })), [/may not be read by this user$/]);
  },
);

t.test('a secret in the config itself is refused and never repeated', async t => {
  const { read } = setUp(t);
  const literals = [
    'sk-proj-Ab3dEf6hIj9kLm2n',
    'hunter2',
    'ENV:KEY',
    '$KEY',
    'file:',
    'env:',
    ' env:KEY',
    'envKEY',
  ];
  const help = 'key: a secret does not stand in the config itself: use env:NAME or file:PATH';
  for (const literal of [...literals, 12345, true, ['env:KEY'], { env: 'KEY' }]) {
    t.strictSame(summary(read({ key: literal })), [help], JSON.stringify(literal));
  }
  for (const nothing of ['', null]) {
    t.strictSame(summary(read({ key: nothing })), ['key: is empty: expected env:NAME or file:PATH']);
  }
});

const LEAK = '9fK3xQ7bT2vL8mZ5pW1r';

t.test('a secret in the wrong place is not shown either', async t => {
  const { dir, env } = setUp(t);
  const texts = [
    `key: ${LEAK}`,
    `key: env:${LEAK}`,
    `key: file:${LEAK}`,
    `key: file:/run/${LEAK}/x`,
    `key: *${LEAK}`,
    `key: !${LEAK} x`,
    `key: { ${LEAK} }`,
    `key: { ${LEAK}: ${LEAK} }`,
    `key: "\\q${LEAK}"`,
    `key: "${LEAK}`,
    `key: ${LEAK}: ${LEAK}`,
    `key: \`${LEAK}`,
    `${LEAK}: x`,
    `key${LEAK}: x`,
    `${LEAK}`,
    `%${LEAK}`,
    `- ${LEAK}`,
    `cert: ${LEAK}`,
    `cert: file:${LEAK}`,
    `key: [${LEAK}]`,
    `${LEAK}: 1\n${LEAK}: 2`,
    `key: &${LEAK} x\nother: &${LEAK} x`,
    `a: { ${LEAK}: { __proto__: 1 } }`,
  ];
  for (const text of texts) {
    const result = simple.readText(text, { file: 'weir.yaml', baseDir: dir, env });
    t.notOk(result.ok, text);
    const shown = result.ok ? '' : JSON.stringify(result) + formatProblems(result.problems);
    t.notMatch(shown, LEAK, text);
  }
  const origins = `origins: { river: { keys: [{ ${LEAK} }] }, ${LEAK}: { url: 1 } }`;
  t.notMatch(JSON.stringify(reader.readText(origins, { file: null, baseDir: dir, env })), LEAK);
  t.match(
    summary(reader.readText('origins: { river: { keys: [{ hunter }] } }', { file: null, baseDir: dir, env })),
    [/is missing/, /origins.river.keys\[0\].\[hidden\]: unknown key/],
  );
});

t.test('text is read from files as it is', async t => {
  const { read } = setUp(t);
  t.equal(revealed(read({ cert: 'file:pem.txt' }), 'cert'), '-----BEGIN-----\nabc\n-----END-----\n');
  t.strictSame(summary(read({ cert: 'env:KEY' })), ['cert: expected file:PATH']);
  t.strictSame(summary(read({ cert: 'file:' })), ['cert: expected file:PATH']);
  t.strictSame(summary(read({ cert: 1 })), ['cert: expected file:PATH']);
  t.match(summary(read({ cert: 'file:absent' })), [/^cert: the file absent in .* does not exist$/]);
});

t.test('paths count from the folder of the config', async t => {
  const { dir, read } = setUp(t);
  const cases: [string, string, string][] = [
    ['folder', 'data', join(dir, 'data')],
    ['folder', './data/../x', join(dir, 'x')],
    ['folder', '/var/data', '/var/data'],
    ['store', 'sqlite:./weir.db', `sqlite:${join(dir, 'weir.db')}`],
    ['store', 'sqlite:/var/weir.db', 'sqlite:/var/weir.db'],
    ['store', 'postgres://host/weir', 'postgres://host/weir'],
  ];
  for (const [name, value, expected] of cases)
    t.equal(revealed(read({ [name]: value }), name), expected, value);
});

t.test('files that were read are listed, for watching', async t => {
  const { dir, read } = setUp(t);
  const result = read({ key: 'file:key.txt', other: 'file:./key.txt', cert: 'file:pem.txt', folder: 'x' });
  t.strictSame(result.ok && result.files, [join(dir, 'key.txt'), join(dir, 'pem.txt')]);
});

t.test(
  'a secret that others can read is used, with a warning',
  { skip: process.platform === 'win32' },
  async t => {
    const { dir, read } = setUp(t);
    for (const [mode, warns] of [
      [0o600, false],
      [0o400, false],
      [0o640, true],
      [0o604, true],
      [0o644, true],
    ] as const) {
      chmodSync(join(dir, 'key.txt'), mode);
      const result = read({ key: 'file:key.txt', cert: 'file:pem.txt' });
      const octal = `0${mode.toString(8)}`;
      const warning = `key: the file key.txt in ${dir} can be read by other users (mode ${octal}): chmod 600 it`;
      t.strictSame(result.ok && result.warnings, warns ? [warning] : [], octal);
    }
  },
);
