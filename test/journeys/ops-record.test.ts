import { readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runMain } from '../cli/run-main.ts';
import { RawClient, requestBytes } from '../client/index.ts';
import { fill, smallDisk } from '../disk/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, type Lab } from './lab.ts';
import {
  ADMIN_KEYS,
  adminFacts,
  codeOf,
  ISSUER,
  json,
  metrics,
  OPS,
  ops,
  poolStates,
  startOpsLab,
} from './ops-client.ts';
import { total } from './prometheus.ts';
import { ConfigReplacer } from './replace-config.ts';

const CHAT = '/openai/v1/chat/completions';
const MINT = `/issuers/${ISSUER.id}/keys`;
const DISABLE = '/providers/openai/keys/pool-1/disable';
const RELEASE = '/providers/openai/keys/pool-1/release';
const EXPIRES = new Date(Date.now() + 3_600_000).toISOString();
const MALLORY = { kind: 'subject', id: 'mallory', reason: 'fraud' };

t.test('a call that changes something is on record when it is answered; others are not', async t => {
  const lab = await startOpsLab(t);
  const before = adminFacts(lab).length;
  const counted = total(await metrics(lab), 'weir_admin_requests_total');
  for (const target of ['/providers/keys', '/issuers', '/metrics', '/'])
    await ops(lab, 'GET', target, 'admin');
  await ops(lab, 'POST', DISABLE);
  await ops(lab, 'POST', DISABLE, 'viewer');
  t.equal(adminFacts(lab).length, before, 'who reads or is refused changes nothing');
  t.equal((await poolStates(lab))['pool-1'], 'usable');
  t.equal((await ops(lab, 'POST', DISABLE, 'operator')).status, 200);
  t.hasStrict(adminFacts(lab).at(-1), {
    kind: 'admin',
    subject: 'operator-2',
    method: 'POST',
    path: DISABLE,
    inputTokens: null,
    costNanos: null,
  });
  t.strictSame(adminFacts(lab).at(-1)?.tags, { provider: 'openai', id: 'pool-1', role: 'operator' });
  t.equal((await poolStates(lab))['pool-1'], 'disabled');
  const refused = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{}' });
  t.equal(refused.head.value('x-weir-error'), 'upstream_credentials_exhausted');
  const answer = await ops(lab, 'POST', RELEASE, 'operator');
  t.equal((await poolStates(lab))['pool-1'], 'usable');
  t.equal(adminFacts(lab).at(-1)!.requestId, answer.head.value('x-weir-request-id'));
  t.equal(adminFacts(lab).length, before + 2);
  t.equal(total(await metrics(lab), 'weir_admin_requests_total') - counted, 2);
  const { facts } = lab.weir.journal();
  const check = await runMain([
    'usage',
    'check',
    '--journal',
    join(lab.weir.folder, 'data/journal'),
    '--json',
  ]);
  t.hasStrict(JSON.parse(check.stdout), { boots: [{ facts: facts.length, unused: 0 }] }, 'readers see them');
});

/** Who is denied, by the listener's own word. */
async function denied(lab: Lab): Promise<readonly string[]> {
  const { entries } = json(await ops(lab, 'GET', '/deny', 'viewer')) as { entries: { id: string }[] };
  return entries.map(({ id }) => id);
}

t.test('what cannot be put on record does not happen', async t => {
  const disk = smallDisk(t);
  if (disk === null) {
    t.comment('skipped: a small disk can be mounted only by root on Linux');
    return;
  }
  const usage = { journal: join(disk, 'journal'), holdMs: 30, onFull: 'serve' };
  const lab = await startOpsLab(t, { usage });
  lab.up.reply(up.respond(200, [], '{}'));
  t.equal((await ops(lab, 'POST', DISABLE, 'operator')).status, 200);
  t.equal((await ops(lab, 'POST', RELEASE, 'operator')).status, 200);
  const ballast = fill(disk);
  // The last page of the segment has room for some more; each call that is answered well must be on record.
  let recorded = 2;
  let last = await ops(lab, 'POST', RELEASE, 'operator');
  while (last.status === 200) {
    t.equal(adminFacts(lab, usage.journal).length, ++recorded);
    last = await ops(lab, 'POST', RELEASE, 'operator');
  }
  t.strictSame([last.status, codeOf(last)], [503, 'audit_unavailable'], 'the first that finds the disk full');
  await lab.weir.line(({ text }) => text.includes('journal_failing'), 'that the journal fails');

  for (const [method, target, body] of [
    ['POST', DISABLE, undefined],
    ['POST', '/deny', MALLORY],
    ['POST', MINT, { subject: 'carol', expires: EXPIRES }],
  ] as const) {
    const answer = await ops(lab, method, target, 'admin', body);
    t.strictSame([answer.status, codeOf(answer)], [503, 'audit_unavailable'], `${method} ${target}`);
    t.notMatch(String(answer.body), /v4\.public/);
  }
  t.equal((await poolStates(lab))['pool-1'], 'usable');
  t.strictSame(await denied(lab), []);
  t.equal((await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{}' })).status, 200, 'requests are served');
  const ready = await ops(lab, 'GET', '/readyz');
  t.equal(ready.status, 200);
  t.hasStrict(json(ready), { status: 'degraded' });
  t.match(String(ready.body), 'journal_failing');
  for (const target of ['/livez', '/metrics', '/issuers'])
    t.equal((await ops(lab, 'GET', target, 'viewer')).status, 200);

  unlinkSync(ballast);
  await lab.weir.line(({ text }) => text.includes('journal_recovered'), 'that it recovers');
  t.equal((await ops(lab, 'POST', '/deny', 'operator', MALLORY)).status, 201);
  t.strictSame(await denied(lab), ['mallory']);
  t.equal(adminFacts(lab, usage.journal).at(-1)!.path, '/deny');
  t.hasStrict(json(await ops(lab, 'GET', '/readyz')), { status: 'ready' });
});

t.test('an instance that refuses while its journal fails says so', async t => {
  const disk = smallDisk(t);
  if (disk === null) {
    t.comment('skipped: a small disk can be mounted only by root on Linux');
    return;
  }
  const lab = await startOpsLab(t, { usage: { journal: join(disk, 'journal'), onFull: 'refuse' } });
  lab.up.reply(up.respond(200, [], '{}'));
  t.equal((await ops(lab, 'GET', '/readyz')).status, 200);
  fill(disk);
  const failing = lab.weir.line(({ text }) => text.includes('journal_failing'), 'that the journal fails');
  // Their answers may never end now.
  const clients = await Promise.all(Array.from({ length: 20 }, () => lab.connect(t)));
  for (const client of clients)
    await client.send(requestBytes({ target: CHAT, fields: AS_TEAM, body: '{}' }));
  await failing;
  const ready = await ops(lab, 'GET', '/readyz');
  t.equal(ready.status, 503);
  t.hasStrict(json(ready), { status: 'refusing' });
  const refused = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{}' });
  t.equal(refused.head.value('x-weir-error'), 'journal_unavailable');
  t.equal((await ops(lab, 'GET', '/livez')).status, 200);
});

t.test('while it drains it is not ready, and still tells how it is', async t => {
  const lab = await startOpsLab(t, { drain: { lameDuckMs: 0, drainMs: 20_000 } });
  const gate = up.gate();
  const type: Fields = [
    ['Content-Type', 'text/event-stream'],
    ['Transfer-Encoding', 'chunked'],
  ];
  lab.up.reply([up.head(200, type), up.chunk('data: 1\n\n'), gate, up.chunk('data: 2\n\n'), up.last()]);
  const client = await RawClient.connect(lab.port);
  t.teardown(() => client.destroy());
  await client.send(requestBytes({ target: '/anthropic/v1/messages', fields: AS_TEAM, body: '{}' }));
  const body = client.body(await client.expectHead());
  await body.atLeast(9);
  lab.weir.signal('SIGTERM');
  await lab.weir.line(({ text }) => /drain/i.test(text), 'that it drains');
  const ready = await ops(lab, 'GET', '/readyz');
  t.equal(ready.status, 503);
  t.hasStrict(json(ready), { status: 'draining' });
  t.equal((await ops(lab, 'GET', '/livez')).status, 200);
  t.equal(total(await metrics(lab), 'weir_active_streams'), 1);
  t.equal((await ops(lab, 'POST', '/deny', 'operator', MALLORY)).status, 201, 'keys can still be cut off');
  t.equal(adminFacts(lab).at(-1)!.path, '/deny');
  gate.open();
  t.equal(String(await body.all()), 'data: 2\n\n');
  t.strictSame(await lab.weir.exited(), { code: 0, signal: null });
});

t.test('admin keys come and go with the config', async t => {
  const lab = await startOpsLab(t);
  const replacer = new ConfigReplacer(lab.weir);
  const config = JSON.parse(readFileSync(join(lab.weir.folder, 'weir.yaml'), 'utf8')) as { ops: object };
  const reload = (section: object): Promise<void> =>
    replacer.serve({ ...config, ops: { port: 0, ...section } });
  const status = async (method: string, target: string, key: string): Promise<number> =>
    (await ops(lab, method, target, { key })).status;
  const { viewer, operator, admin } = ADMIN_KEYS;
  t.equal(await status('GET', '/issuers', viewer), 200);
  t.equal(await status('POST', RELEASE, operator), 200);
  const [, , boss] = OPS.adminKeys;
  await reload({ adminKeys: [{ key: 'env:OPERATOR_KEY', role: 'viewer' }, boss] });
  t.equal(await status('GET', '/issuers', viewer), 401, 'taken away');
  t.equal(await status('GET', '/issuers', operator), 200);
  t.equal(await status('POST', RELEASE, operator), 403, 'a smaller role');
  t.equal(await status('POST', RELEASE, admin), 200);
  await reload({ adminKeys: [{ key: 'env:TEST_POOL_KEY', role: 'admin' }], metrics: 'viewer' });
  t.equal(await status('POST', RELEASE, admin), 401);
  t.equal((await ops(lab, 'GET', '/metrics')).status, 401, 'metrics need a key now');
  await reload({ adminKeys: [] });
  const answer = await ops(lab, 'GET', '/issuers', 'admin');
  t.strictSame([answer.status, codeOf(answer)], [404, 'admin_disabled']);
  t.equal((await ops(lab, 'GET', '/readyz')).status, 200);
});
