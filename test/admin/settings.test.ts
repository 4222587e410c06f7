import t from 'tap';
import { type OpsSettings, opsFaults, opsSchema } from '../../lib/admin/index.ts';
import { Secret } from '../../lib/base/index.ts';
import { ConfigReader } from '../../lib/config/index.ts';

const env = {
  ONE: 'first-key-0123456789',
  TWO: 'second-key-0123456789',
  SHORT: 'short',
  SPACED: 'with spaces 0123456789',
};
const CLIENT = new Secret('client-key-0123456789');

interface Config {
  readonly ops?: OpsSettings;
}

const reader = new ConfigReader<Config>(
  { type: 'object', additionalProperties: false, properties: { ops: opsSchema } },
  ({ ops }) => (ops === undefined ? [] : opsFaults(ops, [CLIENT])),
);

function read(text: string) {
  return reader.readText(text, { file: 'c.yaml', baseDir: '/', env: { ...env, CLIENT: CLIENT.reveal() } });
}

t.test('the section may be empty', t => {
  const result = read('ops:\n');
  t.strictSame(result.ok && result.settings.ops, {
    host: '127.0.0.1',
    port: 8788,
    hosts: [],
    adminKeys: [],
    metrics: 'open',
  });
  t.end();
});

t.test('keys with their roles', t => {
  const result = read(
    'ops: { port: 0, metrics: viewer, adminKeys: [{ key: env:ONE, role: viewer }, { key: env:TWO, role: admin, id: me }] }',
  );
  t.ok(result.ok);
  if (result.ok)
    t.strictSame(
      result.settings.ops!.adminKeys.map(({ role, id }) => [role, id]),
      [
        ['viewer', undefined],
        ['admin', 'me'],
      ],
    );
  t.end();
});

t.test('what would be no protection is refused, and no key is repeated', t => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['adminKeys: [{ key: env:SHORT, role: admin }]', 'ops.adminKeys[0].key', /at least 16/],
    ['adminKeys: [{ key: env:SPACED, role: admin }]', 'ops.adminKeys[0].key', /visible ASCII/],
    [
      'adminKeys: [{ key: literal-key-0123456789, role: admin }]',
      'ops.adminKeys[0].key',
      /does not stand in the config/,
    ],
    ['adminKeys: [{ key: env:ONE, role: root }]', 'ops.adminKeys[0].role', /./],
    ['adminKeys: [{ key: env:ONE }]', 'ops.adminKeys[0].role', /missing/],
    [
      'adminKeys: [{ key: env:ONE, role: admin }, { key: env:ONE, role: viewer }]',
      'ops.adminKeys[1].key',
      /same value/,
    ],
    ['adminKeys: [{ key: env:CLIENT, role: admin }]', 'ops.adminKeys[0].key', /key of a client/],
    [
      'adminKeys: [{ key: env:ONE, role: admin, id: viewer-2 }, { key: env:TWO, role: viewer }]',
      'ops.adminKeys[1].id',
      /viewer-2 is used twice/,
    ],
    ['metrics: viewer', 'ops.metrics', /add ops\.adminKeys/],
    ['metrics: none', 'ops.metrics', /./],
    ['port: 65536', 'ops.port', /./],
    ["hosts: ['a b']", 'ops.hosts[0]', /./],
  ];
  for (const [text, path, message] of cases) {
    const result = read(`ops: { ${text} }`);
    t.notOk(result.ok, text);
    if (result.ok) continue;
    const problem = result.problems.find(found => found.path.startsWith(path));
    t.match(problem?.message, message, `${text}: ${JSON.stringify(result.problems)}`);
    t.notMatch(JSON.stringify(result.problems), /0123456789/);
  }
  t.end();
});
