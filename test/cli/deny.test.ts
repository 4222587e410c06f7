import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { createGateway } from '../../lib/gateway/index.ts';
import { KEYS } from '../admin/ops-lab.ts';
import { closedPort } from '../upstream/index.ts';
import { runMain } from './run-main.ts';
import { StandInOps } from './stand-in-ops.ts';

const OPERATOR = { WEIR_ADMIN_KEY: KEYS.operator };

t.test('what is added is listed, what is removed is not', async t => {
  const stand = new StandInOps();
  const { url } = await stand.start(t);
  const env = { ...OPERATOR, WEIR_OPS: url };
  const added = await runMain(
    ['deny', 'add', 'key', '01JB/a b', '--reason', 'fraud', '--until', '2099-01-31T13:00:00+01:00'],
    { env },
  );
  t.strictSame([added.status, added.stderr], [0, '']);
  t.equal(added.stdout, 'denied: key 01JB/a b (fraud) until 2099-01-31T12:00:00.000Z\n');
  t.strictSame(stand.entries, [
    { kind: 'key', id: '01JB/a b', reason: 'fraud', until: '2099-01-31T12:00:00.000Z' },
  ]);
  await runMain(
    ['deny', 'add', 'issuer', 'k4.pid.x', '--reason', 'leaked', '--issued-before', '2026-01-01T00:00:00Z'],
    { env },
  );

  const listed = await runMain(['deny', 'list'], { env });
  t.equal(listed.status, 0);
  const lines = listed.stdout.split('\n');
  t.match(lines[0], /^KIND +ID +REASON +UNTIL +ISSUED BEFORE +FROM$/);
  t.match(lines[1], /^key +01JB\/a b +fraud +2099-01-31T12:00:00\.000Z +- +-$/);
  t.match(lines[2], /^issuer +k4\.pid\.x +leaked +- +2026-01-01T00:00:00\.000Z +-$/);
  const json = await runMain(['deny', 'list', '--kind', 'issuer', '--json'], { env });
  t.strictSame(JSON.parse(json.stdout), { entries: stand.entries.slice(1), next: null });

  const removed = await runMain(['deny', 'remove', 'key', '01JB/a b'], { env });
  t.strictSame([removed.status, removed.stdout], [0, 'allowed again: key 01JB/a b\n']);
  t.equal(stand.entries.length, 1);
  const again = await runMain(['deny', 'remove', 'key', '01JB/a b'], { env });
  t.equal(again.status, 1);
  t.match(again.stderr, /^weir deny: there is no such entry \(404 not_found\)/);
  await runMain(['deny', 'remove', 'issuer', 'k4.pid.x', '--ops', `${url}/`], { env: OPERATOR });
  t.equal((await runMain(['deny', 'list'], { env })).stdout, 'nothing is denied\n');
});

t.test('--until takes spans and times, --issued-before times and now', async t => {
  const stand = new StandInOps();
  const { url } = await stand.start(t);
  const add = (...options: string[]) =>
    runMain(['deny', 'add', 'subject', 'alice', '--reason', 'x', '--json', ...options], {
      env: { ...OPERATOR, WEIR_OPS: url },
    });
  const dayMs = 86_400_000;
  for (const [span, ms] of [
    ['30d', 30 * dayMs],
    ['12h', dayMs / 2],
    ['90s', 90_000],
    ['5m', 300_000],
    ['2w', 14 * dayMs],
  ] as const) {
    const before = Date.now();
    const { stdout } = await add('--until', span);
    const until = Date.parse(JSON.parse(stdout).until) - ms;
    t.ok(until >= before && until <= Date.now(), span);
  }
  const before = Date.now();
  const issued = Date.parse(JSON.parse((await add('--issued-before', 'now')).stdout).issuedBefore);
  t.ok(issued >= before && issued <= Date.now());
  const bad = [
    ['--until', '30'],
    ['--until', '30 d'],
    ['--until', '0d'],
    ['--until', 'tomorrow'],
    ['--until', '2099-02-30T00:00:00Z'],
    ['--until', '2099-01-01'],
    ['--until', '2099-01-01T24:00:00Z'],
    ['--until', '2020-01-01T00:00:00Z'],
    ['--until', '999999w'],
    ['--issued-before', '30d'],
  ] as const;
  const entries = stand.entries;
  for (const options of bad) {
    const { status, stderr } = await add(...options);
    t.equal(status, 2, options.join(' '));
    t.match(stderr, new RegExp(`^error: ${options[0]} `));
  }
  t.equal(stand.entries, entries, 'nothing was sent');
});

t.test('a long list comes in pages', async t => {
  const stand = new StandInOps();
  stand.entries = Array.from({ length: 2500 }, (_, i) => ({ kind: 'key', id: `k${i}`, reason: 'x' }));
  const lab = await stand.start(t);
  const env = { ...OPERATOR, WEIR_OPS: lab.url };
  const all = await runMain(['deny', 'list', '--limit', '5000', '--json'], { env });
  t.strictSame(JSON.parse(all.stdout), { entries: stand.entries, next: null });
  t.equal(lab.requests.length, 3);
  const some = await runMain(['deny', 'list', '--limit', '3'], { env });
  t.equal(some.stdout.trimEnd().split('\n').length, 4);
  t.equal(some.stderr, 'there are more: go on with --after 3\n');
  const more = await runMain(['deny', 'list', '--limit', '3', '--after', '2499', '--json'], { env });
  t.strictSame(JSON.parse(more.stdout), { entries: stand.entries.slice(2499), next: null });
  for (const limit of ['0', 'x', '1e9'])
    t.equal((await runMain(['deny', 'list', '--limit', limit], { env })).status, 2);
});

t.test('a file is edited in place of a gateway', async t => {
  const file = join(
    t.testdir({ 'deny.yaml': '# for ever\n- { kind: subject, id: bob, reason: fraud }\n' }),
    'deny.yaml',
  );
  const inFile = (...argv: string[]) => runMain(['deny', ...argv, '--file', file]);
  const added = await inFile('add', 'key', '007', '--reason', 'spend', '--until', '2099-01-01T00:00:00Z');
  t.strictSame([added.status, added.stderr], [0, '']);
  t.match(
    added.stdout,
    /^denied: key 007 \(spend\) until 2099-01-01T00:00:00\.000Z\n.*deny\.yaml has 2 entries;/,
  );
  t.strictSame(parse(readFileSync(file, 'utf8')), [
    { kind: 'subject', id: 'bob', reason: 'fraud' },
    { kind: 'key', id: '007', reason: 'spend', until: '2099-01-01T00:00:00.000Z' },
  ]);
  await inFile('add', 'key', '007', '--reason', 'fraud');
  const listed = await inFile('list', '--kind', 'key', '--json');
  t.strictSame(JSON.parse(listed.stdout), {
    entries: [{ kind: 'key', id: '007', reason: 'fraud' }],
    next: null,
  });
  t.match((await inFile('list')).stdout, /^subject +bob +fraud +- +- +-$/m);
  t.strictSame(JSON.parse((await inFile('remove', 'subject', 'bob', '--json')).stdout), {
    kind: 'subject',
    id: 'bob',
  });
  const again = await inFile('remove', 'subject', 'bob');
  t.equal(again.status, 1);
  t.match(again.stderr, /deny\.yaml has no entry for subject bob\.\n$/);
  t.match(readFileSync(file, 'utf8'), /^# for ever\n- \{ kind: key, id: "007", reason: fraud \}\n$/);

  writeFileSync(file, 'not: a list\n');
  for (const argv of [['list'], ['add', 'key', 'a', '--reason', 'x'], ['remove', 'key', 'a']]) {
    const { status, stderr } = await inFile(...argv);
    t.equal(status, 1);
    t.match(stderr, /^weir deny: .*deny\.yaml is not a list/);
  }
  const absent = await runMain(['deny', 'list', '--file', `${file}.none`]);
  t.match([absent.status, absent.stderr], [1, /does not exist/]);
  t.equal((await runMain(['deny', 'add', 'key', 'a', '--reason', 'x', '--file', `${file}.new`])).status, 0);
  t.strictSame(parse(readFileSync(`${file}.new`, 'utf8')), [{ kind: 'key', id: 'a', reason: 'x' }]);
});

t.test('what is wrong is said with what to do', async t => {
  const stand = new StandInOps();
  const lab = await stand.start(t);
  const list = (env: Readonly<Record<string, string>>) => runMain(['deny', 'list'], { env });
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ['no key', { WEIR_OPS: lab.url }, /\(401 unauthorized\)\nWEIR_ADMIN_KEY is not set here/],
    [
      'wrong key',
      { WEIR_OPS: lab.url, WEIR_ADMIN_KEY: 'wrong-CANARY-0123456789' },
      /\nThe value of WEIR_ADMIN_KEY is none of the keys/,
    ],
    [
      'two lines',
      { WEIR_OPS: lab.url, WEIR_ADMIN_KEY: 'wrong-CANARY\nx' },
      /cannot be called\. Is WEIR_ADMIN_KEY one line\?/,
    ],
    [
      'nobody there',
      { WEIR_OPS: `http://127.0.0.1:${await closedPort()}` },
      /nothing listens at .*does its config have an ops section\?\n.*--ops or WEIR_OPS/,
    ],
  ];
  for (const [name, env, message] of cases) {
    const { status, stdout, stderr } = await list(env);
    t.strictSame([status, stdout], [1, ''], name);
    t.match(stderr, message, name);
    t.notMatch(stderr, /CANARY/, name);
  }
  const viewer = await runMain(['deny', 'add', 'key', 'a', '--reason', 'x'], {
    env: { WEIR_OPS: lab.url, WEIR_ADMIN_KEY: KEYS.viewer },
  });
  t.equal(viewer.status, 1);
  t.match(viewer.stderr, /needs an admin key of the role operator; this key's role is viewer/);
  t.strictSame(stand.entries, []);

  stand.fileHolds = '/etc/weir/deny.yaml';
  const held = await runMain(['deny', 'remove', 'key', 'a'], { env: { ...OPERATOR, WEIR_OPS: lab.url } });
  t.match(
    [held.status, held.stderr],
    [1, /\/etc\/weir\/deny\.yaml holds this entry \(409 held_by_file\)\n.*--file/],
  );

  const disabled = await new StandInOps().start(t, { settings: { adminKeys: [] } });
  t.match(
    (await list({ ...OPERATOR, WEIR_OPS: disabled.url })).stderr,
    /Add an admin key to the config: ops: \{ adminKeys.*404 admin_disabled/,
  );
  const unrecorded = await new StandInOps().start(t, { house: { audit: async () => 'unavailable' } });
  const refused = await runMain(['deny', 'add', 'key', 'a', '--reason', 'x'], {
    env: { ...OPERATOR, WEIR_OPS: unrecorded.url },
  });
  t.match(refused.stderr, /503 audit_unavailable\)\nNothing was changed/);
});

t.test('another server is recognised as one', async t => {
  const gateway = await createGateway({ listen: { port: 0 }, providers: { demo: {} } });
  t.teardown(() => gateway.close({ lameDuckMs: 0, drainMs: 0 }));
  const { url } = await gateway.listen();
  const data = await runMain(['deny', 'list', '--ops', url], { env: OPERATOR });
  t.match(
    [data.status, data.stderr],
    [1, /is the port for clients\. The ops listener is another one: see ops\.port/],
  );

  const server = createServer((req, res) => {
    if (req.url!.startsWith('/moved')) res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    else res.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const other = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const ops of [other, `${other}/moved`]) {
    const { status, stderr } = await runMain(['deny', 'list', '--ops', ops], { env: OPERATOR });
    t.match([status, stderr], [1, /does not answer as an ops listener does \(status (?:200|302)\)/]);
  }
});

t.test('a wrong command line is exit 2, and says what is right', async t => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['deny'], /add[\s\S]*remove[\s\S]*list/],
    [['deny', 'add', 'person', 'a', '--reason', 'x'], /Allowed choices are key, subject, issuer/],
    [['deny', 'add', 'key', 'a'], /--reason/],
    [['deny', 'add', 'key', '', '--reason', 'x'], /the id is empty/],
    [['deny', 'remove', 'key', '..'], /'\.\.' cannot be an id/],
    [['deny', 'remove', 'key'], /missing required argument 'id'/],
    [['deny', 'list', '--kind', 'all'], /Allowed choices/],
    [['deny', 'list', '--file', 'a', '--ops', 'http://x'], /cannot be used with/],
    [['deny', 'list', '--ops', '127.0.0.1:8788'], /--ops '127\.0\.0\.1:8788' is not an http or https URL/],
    [['deny', 'list', '--ops', 'http://u:p@x'], /is not an http or https URL/],
  ];
  for (const [argv, message] of cases) {
    const { status, stdout, stderr } = await runMain(argv);
    t.equal(status, 2, argv.join(' '));
    t.match(stdout + stderr, message, argv.join(' '));
  }
  const env = await runMain(['deny', 'list'], { env: { WEIR_OPS: 'nonsense' } });
  t.match([env.status, env.stderr], [2, /WEIR_OPS 'nonsense'/]);
});

t.test('words that others chose cannot speak to a terminal', async t => {
  const stand = new StandInOps();
  stand.entries = [{ kind: 'subject', id: 'a\u001b[2J', reason: 'x\r\nkey  forged' }];
  const { url } = await stand.start(t);
  const { stdout } = await runMain(['deny', 'list', '--ops', url], { env: OPERATOR });
  t.match(stdout, /^subject +a\?\[2J +x\?\?key {2}forged +- +- +-$/m);
});

t.test('the help has examples', async t => {
  for (const verb of ['add', 'remove', 'list']) {
    const { status, stdout } = await runMain(['deny', verb, '--help']);
    t.equal(status, 0);
    t.match(stdout, new RegExp(`Examples:\\n  weir deny ${verb} `));
    t.match(stdout, /WEIR_ADMIN_KEY/);
  }
});
