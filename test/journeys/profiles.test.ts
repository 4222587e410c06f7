import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { runMain } from '../cli/run-main.ts';
import { exchange } from '../client/index.ts';
import { read, root } from '../house/tree.ts';
import { startWeir, type WeirProcess } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import { samplesOf } from './prometheus.ts';

type Section = Readonly<Record<string, unknown>>;

const NIGHTLY = 'nightly-7c1e05d9ab42';
const SCRAPE = 'scrape-4b80fe61d937';
const ENV = {
  OPENAI_API_KEY: 'sk-openai-of-the-foundation',
  ANTHROPIC_API_KEY: 'sk-anthropic-of-the-foundation',
  NIGHTLY_KEY: NIGHTLY,
  WEIR_ADMIN_KEY: 'admin-91c6d03e7f5a',
  WEIR_SCRAPE_KEY: SCRAPE,
  WEIR_HOOK_SECRET: 'hook-secret-of-some-length',
  USAGE_WEBHOOK_SECRET: 'usage-secret-of-some-length',
};
const CHAT = '/demo/v1/chat/completions';
const BODY = '{"model":"demo","max_tokens":16,"messages":[{"role":"user","content":"hello"}]}';

const [casual, foundation] = ['casual', 'foundation'].map(
  name => parse(read(`docs/examples/${name}.yaml`)) as Readonly<Record<string, Section>>,
) as [Record<string, Section>, Record<string, Section>];

/** Every setting by its path. A list is a value: how long it is says how much is allowed. */
function pathsOf(value: unknown, at = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [at];
  const entries = Object.entries(value);
  if (entries.length === 0) return [at];
  return entries.flatMap(([name, member]) => pathsOf(member, at === '' ? name : `${at}.${name}`));
}

function serve(t: Test, profile: Readonly<Record<string, Section>>): Promise<WeirProcess> {
  const { listen, ops } = profile;
  const config = {
    ...profile,
    listen: { ...listen, port: 0 },
    ...(ops === undefined ? {} : { ops: { ...ops, port: 0 } }),
  };
  return startWeir(t, { config: JSON.stringify(config), env: { ...ENV, WEIR_STORE: storeOf(t) } });
}

/** What comes by reference begins at the root. */
const storeOf = (t: Test): string => `sqlite:${join(t.testdir(), 'weir.db')}`;

const ask = (weir: WeirProcess, fields: Fields = []) =>
  exchange(weir.port, { target: CHAT, fields, body: BODY });

/** What `weir check --explain` says, by the word at the beginning of its lines. */
async function explained(t: Test, config: object): Promise<Readonly<Record<string, string>>> {
  const folder = t.testdir({ 'weir.yaml': JSON.stringify(config) });
  const run = await runMain(['check', '--explain', '-c', join(folder, 'weir.yaml')], {
    env: { ...ENV, WEIR_STORE: `sqlite:${join(folder, 'weir.db')}` },
  });
  t.equal(run.status, 0, run.stderr);
  const blocks: Record<string, string> = {};
  let name = '';
  for (const line of run.stdout.split('\n').slice(1)) {
    name = line.slice(4, 20).trim() || name;
    blocks[name] = `${blocks[name] ?? ''}${line.slice(20)}\n`;
  }
  return blocks;
}

t.test('casual and foundation have the same settings, with other values', async t => {
  t.strictSame(pathsOf(foundation), pathsOf(casual));
  for (const name of ['casual', 'foundation']) {
    const env = { ...ENV, WEIR_STORE: storeOf(t) };
    const run = await runMain(['check', '-c', join(root, `docs/examples/${name}.yaml`)], { env });
    t.equal(run.status, 0, run.stderr);
  }
});

t.test('casual serves whoever can reach it, and writes nothing', async t => {
  const weir = await serve(t, casual);
  const answer = await ask(weir);
  t.equal(answer.status, 200);
  t.equal(answer.head.value('x-ratelimit-limit-requests'), null);
  t.equal((await exchange(weir.opsPort, { target: '/readyz' })).status, 200);
  t.equal((await exchange(weir.opsPort, { target: '/deny' })).status, 404, 'nobody administers');
  t.equal((await exchange(weir.opsPort, { target: '/metrics' })).status, 404);
  const [fact] = await weir.factCount(1);
  t.hasStrict(fact, { status: 200, chargedTokens: null }, 'its fact is in the log');
  t.strictSame(readdirSync(weir.folder), ['weir.yaml']);
});

t.test('foundation knows who asks, holds limits and budgets, and keeps records', async t => {
  const weir = await serve(t, foundation);
  t.equal((await ask(weir)).status, 401);
  const answer = await ask(weir, [['Authorization', `Bearer ${NIGHTLY}`]]);
  t.equal(answer.head.value('x-weir-error'), 'unpriced_model', 'the demo has no price');
  const files = await exchange(weir.port, {
    target: '/demo/v1/models',
    fields: [['Authorization', `Bearer ${NIGHTLY}`]],
  });
  t.equal(files.status, 200);
  t.equal(files.head.value('x-ratelimit-limit-requests'), '600');
  t.equal((await exchange(weir.opsPort, { target: '/metrics' })).status, 401);
  const metrics = await exchange(weir.opsPort, {
    target: '/metrics',
    fields: [['Authorization', `Bearer ${SCRAPE}`]],
  });
  t.ok(samplesOf(String(metrics.body)).some(({ name }) => name === 'weir_budget_accounts'));
  t.equal(weir.journal().facts.length, 3);
});

/** Each feature's settings, and the words under which `weir check --explain` speaks of it. */
const SWITCHES: readonly { feature: string; paths: readonly string[]; words: readonly string[] }[] = [
  { feature: 'addresses', paths: ['listen.allow', 'listen.trustedProxies'], words: ['a request'] },
  { feature: 'ops', paths: ['ops'], words: ['ops'] },
  {
    feature: 'keys',
    paths: ['auth.issuers', 'auth.staticKeys'],
    words: ['clients bring', 'a request', 'limits'],
  },
  { feature: 'limits', paths: ['limits'], words: ['limits'] },
  { feature: 'deny', paths: ['deny'], words: ['deny'] },
  { feature: 'journal', paths: ['usage.journal'], words: ['a request', 'usage'] },
  { feature: 'store', paths: ['usage.store'], words: ['usage'] },
];

t.test('a switch changes what it is for, and nothing else', async t => {
  const before = await explained(t, casual);
  for (const { feature, paths, words } of SWITCHES) {
    const config = structuredClone(casual) as Record<string, Record<string, unknown>>;
    for (const path of paths) {
      const [section, member] = path.split('.') as [string, string?];
      if (member === undefined) config[section] = foundation[section] as Record<string, unknown>;
      else config[section]![member] = foundation[section]![member];
    }
    const after = await explained(t, config);
    const changed = Object.keys({ ...before, ...after }).filter(word => before[word] !== after[word]);
    t.strictSame(changed, words, feature);
  }
});

t.test('a config from before these sections loads as it was, and does what it did', async t => {
  const old = {
    providers: { demo: {}, lab: { origin: 'http://127.0.0.1:9', dialect: 'openai', auth: 'none' } },
    auth: { staticKeys: [{ id: 'team-a', key: 'env:NIGHTLY_KEY', grant: { operations: ['chat'] } }] },
    usage: { journal: './data/journal' },
    limits: { bodyBytes: '1MiB' },
  };
  const weir = await serve(t, { ...old, listen: {} } as unknown as Record<string, Section>);
  const answer = await ask(weir, [['Authorization', `Bearer ${NIGHTLY}`]]);
  t.equal(answer.status, 200);
  t.strictSame(
    answer.head.fields.map(([name]) => name).filter(name => /ratelimit|budget/i.test(name)),
    [],
  );
  t.equal(weir.opsPort, 0, 'no second port');
  t.hasStrict(weir.journal().facts, [{ subject: 'team-a', status: 200, reservedTokens: null }]);
  t.equal((await ask(weir)).status, 401);
});
