import t from 'tap';
import { KEYS } from '../admin/ops-lab.ts';
import { runMain } from './run-main.ts';
import { StandInOps } from './stand-in-ops.ts';

const KEY_ROWS = [
  {
    provider: 'openai',
    id: 'main',
    weight: 3,
    state: 'usable',
    until: null,
    requests: 120,
    lastUsed: '2026-11-20T10:00:00.000Z',
    lastRefusal: null,
  },
  {
    provider: 'openai',
    id: 'spare',
    weight: 1,
    state: 'quarantined',
    until: '2026-11-20T10:05:00.000Z',
    requests: 4,
    lastUsed: '2026-11-20T10:00:00.000Z',
    lastRefusal: 401,
  },
  {
    provider: 'groq',
    id: 'only one',
    weight: 1,
    state: 'cooling',
    until: '2026-11-20T10:00:30.000Z',
    requests: 0,
    lastUsed: null,
    lastRefusal: 429,
  },
] as const;

function standIn(): StandInOps {
  const stand = new StandInOps();
  stand.keys = KEY_ROWS.map(row => ({ ...row }));
  return stand;
}

t.test('keys are listed with how they fare', async t => {
  const { url } = await standIn().start(t);
  const env = { WEIR_OPS: url, WEIR_ADMIN_KEY: KEYS.viewer };
  const { status, stdout, stderr } = await runMain(['provider', 'key', 'list'], { env });
  t.strictSame([status, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  t.match(lines[0], /^PROVIDER +ID +WEIGHT +STATE +UNTIL +REQUESTS +LAST USED +LAST REFUSAL$/);
  t.match(lines[1], /^openai +main +3 +usable +- +120 +2026-11-20T10:00:00\.000Z +-$/);
  t.match(
    lines[2],
    /^openai +spare +1 +quarantined +2026-11-20T10:05:00\.000Z +4 +2026-11-20T10:00:00\.000Z +401$/,
  );
  t.match(lines[3], /^groq +only one +1 +cooling +2026-11-20T10:00:30\.000Z +0 +- +429$/);
  t.equal(lines.length, 4);

  const one = await runMain(['provider', 'key', 'list', 'openai', '--json'], { env });
  t.strictSame(JSON.parse(one.stdout), { keys: KEY_ROWS.slice(0, 2) });
  const none = await runMain(['provider', 'key', 'list', 'opnai'], { env });
  t.match([none.status, none.stderr], [1, /no provider opnai has a pool key/]);
  const empty = await new StandInOps().start(t);
  const nothing = await runMain(['provider', 'key', 'list'], { env: { ...env, WEIR_OPS: empty.url } });
  t.strictSame([nothing.status, nothing.stdout], [0, 'no provider has a pool key\n']);
});

t.test('a key is switched off and on again', async t => {
  const stand = standIn();
  const lab = await stand.start(t);
  const env = { WEIR_OPS: lab.url, WEIR_ADMIN_KEY: KEYS.operator };
  const off = await runMain(['provider', 'key', 'disable', 'groq', 'only one'], { env });
  t.strictSame([off.status, off.stdout], [0, 'groq only one is disabled now\n']);
  t.equal(stand.keys[2]!.state, 'disabled');
  t.equal(lab.audits[0]!.path, '/providers/groq/keys/only%20one/disable');
  const on = await runMain(['provider', 'key', 'release', 'groq', 'only one', '--json'], { env });
  t.strictSame(JSON.parse(on.stdout), { ...KEY_ROWS[2], state: 'usable' });
});

t.test('what is wrong is said with what to do', async t => {
  const { url } = await standIn().start(t);
  const env = { WEIR_OPS: url, WEIR_ADMIN_KEY: KEYS.operator };
  const unknown = await runMain(['provider', 'key', 'release', 'openai', 'mian'], { env });
  t.match([unknown.status, unknown.stderr], [1, /^weir provider: there is no key mian \(404 not_found\)/]);
  const viewer = await runMain(['provider', 'key', 'disable', 'openai', 'main'], {
    env: { ...env, WEIR_ADMIN_KEY: KEYS.viewer },
  });
  t.match([viewer.status, viewer.stderr], [1, /role operator/]);
  const keyless = await runMain(['provider', 'key', 'list'], { env: { WEIR_OPS: url } });
  t.match([keyless.status, keyless.stderr], [1, /WEIR_ADMIN_KEY is not set here/]);
  for (const argv of [
    ['release', 'openai', '..'],
    ['disable', '', 'a'],
    ['release', 'openai'],
    ['enable', 'openai', 'a'],
    [],
  ]) {
    const { status } = await runMain(['provider', 'key', ...argv], { env });
    t.equal(status, 2, argv.join(' '));
  }
  t.equal((await runMain(['provider'])).status, 2);
});

t.test('the help has examples and the states', async t => {
  for (const verb of ['list', 'release', 'disable']) {
    const { status, stdout } = await runMain(['provider', 'key', verb, '--help']);
    t.equal(status, 0);
    t.match(stdout, new RegExp(`Examples:\\n  weir provider key ${verb} `));
  }
  t.match((await runMain(['provider', 'key', 'list', '--help'])).stdout, /quarantined[\s\S]*trial/);
});
