import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runMain, startMain } from '../cli/run-main.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, startLab } from './lab.ts';

const CHAT = '/openai/v1/chat/completions';

const lab = await startLab(t, { config: { usage: { holdMs: 60_000 } } });
lab.up.reply(up.respond(200, [], '{}'));
const journal = join(lab.weir.folder, 'data/journal');
const place = ['--journal', journal];

async function ask(id: string): Promise<void> {
  const fields = [...AS_TEAM, ['X-Request-Id', id]] as const;
  const { status } = await lab.ask({ target: CHAT, fields, body: '{"model":"m"}' });
  if (status !== 200) throw new Error(`status ${status}`);
}

t.test('a managed exchange is on record before its answer, others only when settled', async t => {
  await ask('one');
  await lab.ask({ target: '/lab/v1/x', fields: [['X-Request-Id', 'two']] });
  const { facts, others } = lab.weir.journal();
  t.strictSame(
    facts.map(({ requestId }) => requestId),
    ['one', 'two'],
  );
  t.equal(others.length, 1);
  t.hasStrict(others[0]!.json, {
    open: true,
    id: facts[0]!.id,
    subject: 'team',
    provider: 'openai',
    modelRequested: 'm',
    poolKey: 'pool-1',
  });
});

t.test('tail shows the last facts, and those that come', async t => {
  await ask('three');
  const { status, stdout } = await runMain(['usage', 'tail', ...place]);
  t.equal(status, 0);
  t.equal(stdout.trimEnd().split('\n').length, 3);
  t.match(stdout, /^\d{4}-\S+Z {2}team {2}200 {2}POST {2}\/openai\/v1\/chat\/completions {2}m/m);
  const last = await runMain(['usage', 'tail', ...place, '--lines', '1', '--json']);
  t.equal((JSON.parse(last.stdout) as { requestId: string }).requestId, 'three');
  const following = startMain(['usage', 'tail', ...place, '-f', '-n', '0', '--json']);
  await ask('four');
  await following.stdout.changes.until(() => following.stdout.text.includes('"four"'), 'the fact');
  following.signals.emit('SIGINT');
  t.equal(await following.status, 0);
  t.equal(following.stdout.text.trimEnd().split('\n').length, 1, 'nothing of before');
});

t.test('check says what it found, and fails where something is wrong', async t => {
  const running = await runMain(['usage', 'check', ...place]);
  t.equal(running.status, 0, running.stdout);
  t.match(running.stdout, /not ended/);
  const config = await runMain(['usage', 'check', '--config', join(lab.weir.folder, 'weir.yaml')], {
    env: { TEST_POOL_KEY: 'a-pool-key-of-some-length', TEST_CLIENT_KEY: 'a-client-key-of-some-length' },
  });
  t.equal(config.status, 0, config.stderr);
  t.match(config.stdout, /^ok {2}every fact is there once, and in the store$/m);
  t.match(config.stdout, /^store {4}\d facts?, \d more not shipped yet/m);
  await lab.weir.stop('SIGTERM');
  t.notOk(
    readdirSync(journal).some(name => name.endsWith('.open')),
    'a good end leaves no claim',
  );
  const ended = await runMain(['usage', 'check', ...place]);
  t.match(ended.stdout, / ended +1 +4 /);
  t.match(ended.stdout, /^ok {2}every fact is there once$/m);
  t.match(ended.stdout, /^journal {2}4 facts in /m);
  const segment = join(journal, readdirSync(journal)[0]!);
  appendFileSync(segment, '{"v":1,"id":"junk"}\n');
  const broken = await runMain(['usage', 'check', ...place, '--json']);
  t.equal(broken.status, 1);
  t.match(JSON.parse(broken.stdout), { ok: false, boots: [{ broken: 1, facts: 4 }] });
});

t.test('where there is no journal it says so', async t => {
  const file = join(lab.weir.folder, 'other.yaml');
  writeFileSync(file, '{}');
  for (const verb of ['check', 'tail']) {
    const missing = await runMain(['usage', verb, '--journal', '/nowhere/at/all']);
    t.equal(missing.status, 1);
    t.match(missing.stderr, /no such folder/);
    const none = await runMain(['usage', verb, '--config', file]);
    t.equal(none.status, 2);
    t.match(none.stderr, /keeps no journal/);
  }
  t.equal((await runMain(['usage', 'tail', '-n', 'x'])).status, 2);
});
