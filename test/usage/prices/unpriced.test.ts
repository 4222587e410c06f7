import t from 'tap';
import type { Fact, Warning } from '../../../lib/pipeline/index.ts';
import { UnpricedWatch } from '../../../lib/usage/unpriced-watch.ts';
import { exchange } from '../../client/index.ts';
import { samplesOf, total } from '../../journeys/prometheus.ts';
import { startWeir } from '../../process/index.ts';
import { respond, Upstream } from '../../upstream/index.ts';

const JSON_TYPE: [string, string][] = [['Content-Type', 'application/json']];
const ADMIN_KEY = 'admin-key-of-the-test-0123456789';

t.test('what has no price is counted, told once, and can be asked about', async t => {
  const up = await Upstream.start();
  t.teardown(() => up.close());
  const prices = [{ models: ['known/*'], input: 1, output: 2, asOf: '2026-10-01' }];
  const weir = await startWeir(t, {
    config: {
      ops: { adminKeys: [{ key: 'env:TEST_ADMIN_KEY', role: 'viewer', id: 'ann' }] },
      providers: { lab: { origin: up.origin, dialect: 'openai', auth: 'none', prices } },
      usage: { store: 'none' },
    },
    env: { TEST_ADMIN_KEY: ADMIN_KEY },
  });
  const ask = async (model: string, usage: object | null, status = 200): Promise<void> => {
    up.reply(respond(status, JSON_TYPE, JSON.stringify({ model, choices: [], usage })), { once: true });
    const body = JSON.stringify({ model });
    await exchange(weir.port, {
      method: 'POST',
      target: '/lab/v1/chat/completions',
      fields: JSON_TYPE,
      body,
    });
  };
  const used = { prompt_tokens: 100, completion_tokens: 10 };
  await ask('known/a', used);
  await ask('strange"1', used);
  await ask('strange"1', used);
  await ask('strange"2', used);
  await ask('strange"3', null);
  await ask('strange"3', used, 500);
  const page = samplesOf(String((await exchange(weir.opsPort, { target: '/metrics' })).body));
  t.equal(total(page, 'weir_unpriced_exchanges_total', { provider: 'lab' }), 4, 'an error with usage, too');
  t.equal(total(page, 'weir_unpriced_tokens_total', { provider: 'lab', kind: 'input' }), 400);
  t.equal(total(page, 'weir_unpriced_tokens_total', { provider: 'lab', kind: 'output' }), 40);
  const told = () => weir.output.split('\n').filter(line => line.includes('no price fits it'));
  await weir.changes.until(() => told().length >= 2, 'both models to be told of');
  await ask('strange"1', used);
  await ask('strange"2', used);
  t.equal(told().length, 2, 'once for each model');
  t.equal(told().filter(line => line.includes('strange') && line.includes('"1')).length, 1);
  const lookup = async (path: string) => {
    const answer = await exchange(weir.opsPort, {
      target: `/prices/${path}`,
      fields: [['Authorization', `Bearer ${ADMIN_KEY}`]],
    });
    return { status: answer.status, body: JSON.parse(String(answer.body)) };
  };
  t.match(await lookup('lab/known%2Fa'), {
    status: 200,
    body: { provider: 'lab', model: 'known/a', matched: 'known/*', from: 'config', rates: { input: '1' } },
  });
  const { facts } = weir.journal();
  t.equal((await lookup('lab/known%2Fa')).body.version, facts[0]!.priceVersion, 'the very price of the fact');
  t.match(await lookup('lab/strange'), { status: 404, body: { error: { code: 'unpriced' } } });
  t.match(await lookup('nobody/x'), { status: 404, body: { error: { code: 'unknown_provider' } } });
});

t.test('only so many models are told of, and none that was not read whole', async t => {
  const warnings: Warning[] = [];
  const watch = new UnpricedWatch(warning => warnings.push(warning));
  const fact = (members: Partial<Fact>) =>
    ({
      provider: 'lab',
      outcome: 'complete',
      status: 200,
      usageSource: 'provider',
      usageNote: null,
      costNanos: null,
      modelServed: 'm',
      ...members,
    }) as Fact;
  for (const members of [
    { outcome: 'clientAborted' },
    { status: 500 },
    { usageSource: 'estimated' },
    { usageSource: 'none' },
    { usageNote: 'invalid' },
    { costNanos: 0 },
  ] as const)
    watch.take(fact(members));
  t.equal(warnings.length, 0);
  for (let i = 0; i < 3000; i++) watch.take(fact({ modelServed: `m-${i}-${'x'.repeat(300)}` }));
  t.equal(warnings.length, 1001);
  t.equal(warnings.at(-1)!.code, 'unpriced_models');
  t.ok(warnings.every(({ message }) => message.length < 600));
});
