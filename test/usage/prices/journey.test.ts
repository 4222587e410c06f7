import t from 'tap';
import { AS_TEAM, startLab } from '../../journeys/lab.ts';
import { respond, Upstream } from '../../upstream/index.ts';

const JSON_TYPE: [string, string][] = [['Content-Type', 'application/json']];

t.test('a fact in the journal has its cost', async t => {
  const up = await Upstream.start();
  t.teardown(() => up.close());
  const prices = [
    {
      models: ['gpt-*'],
      input: 2.5,
      cachedInput: '1.25',
      output: 10,
      source: 'https://example.test/prices',
      asOf: '2026-10-01',
    },
  ];
  const lab = await startLab(t, {
    config: {
      usage: { journal: './journal' },
      providers: { lab: { origin: up.origin, dialect: 'openai', auth: 'none', prices } },
    },
  });
  const ask = async (model: string, usage: object, status = 200) => {
    up.reply(respond(status, JSON_TYPE, JSON.stringify({ model, choices: [], usage })));
    const { id, field } = lab.tag();
    await lab.ask({
      method: 'POST',
      target: '/lab/v1/chat/completions',
      fields: [...AS_TEAM, ...JSON_TYPE, field],
      body: JSON.stringify({ model, messages: [] }),
    });
    // A fact is in the journal before the last byte of its answer is out.
    return lab.weir.journal('journal').facts.find(({ requestId }) => requestId === id)!;
  };
  const usage = { prompt_tokens: 1000, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 600 } };
  const priced = await ask('gpt-x', usage);
  t.equal(priced.costNanos, 400 * 2500 + 600 * 1250 + 10 * 10_000);
  t.equal(priced.costSource, 'price');
  t.match(priced.priceVersion, /^[0-9a-f]{12}$/);
  const unknown = await ask('other', usage);
  t.strictSame([unknown.costNanos, unknown.costSource, unknown.priceVersion], [null, null, null]);
  const stated = await ask('gpt-x', { ...usage, cost: 0.000071 });
  t.strictSame([stated.costNanos, stated.costSource, stated.priceVersion], [71_000, 'provider', null]);
  t.equal((await ask('gpt-x', usage, 500)).costNanos, null, 'an error costs nothing');
});
