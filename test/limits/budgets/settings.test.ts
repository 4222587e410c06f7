import t from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import { SettingsLoader } from '../../../lib/gateway/index.ts';
import { DEFAULT_BUDGETS } from '../../../lib/limits/index.ts';

const loader = new SettingsLoader({});

/** What is wrong with a config, as `path: message`. */
function faults(config: object): readonly string[] {
  const result = loader.load({ object: config });
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

function budgets(section: object): readonly string[] {
  return faults({ usage: {}, budgets: section });
}

t.test('the defaults of the schema are those that hold without a section', async t => {
  const result = loader.load({ object: { usage: {}, budgets: {} } });
  if (!result.ok) throw new Error('refused');
  t.strictSame({ ...result.settings.budgets }, { ...DEFAULT_BUDGETS, rules: [] });
});

t.test('budgets need a store', async t => {
  const needs = /budgets: budgets are counted from the facts in a store: add usage: \{\}/;
  const rules = [{ of: 'all', usd: 1, per: 'day' }];
  t.match(faults({ budgets: { rules } })[0], needs);
  t.match(faults({ usage: { store: 'none' }, budgets: { rules } })[0], needs);
  t.strictSame(faults({ usage: { store: 'none' }, budgets: { rules: [] } }), [], 'without rules it is off');
  const key = { id: 'a', key: new Secret('12345678'), grant: { budget: { usd: 5, per: 'day' } } };
  t.match(faults({ auth: { staticKeys: [key] } })[0], /staticKeys\[0\]\.grant\.budget: budgets are counted/);
  t.strictSame(faults({ usage: {}, auth: { staticKeys: [key] } }), []);
});

t.test('a rule that means nothing is refused where it stands', async t => {
  const rule = (members: object) => budgets({ rules: [{ per: 'day', ...members }] });
  t.strictSame(rule({ of: 'key', usd: '0.50' }), []);
  t.strictSame(rule({ of: 'all', tokens: 1, requests: 1, usd: 1 }), []);
  t.match(rule({ of: 'key' })[0], /rules\[0\]: a budget needs usd, tokens or requests/);
  t.match(rule({ of: 'tag', usd: 1 })[0], /rules\[0\]: of: tag needs the name of a tag/);
  t.match(rule({ of: 'key', tag: 'a', usd: 1 })[0], /rules\[0\]\.tag: goes with of: tag alone/);
  t.match(rule({ of: 'all', is: 'a', usd: 1 })[0], /rules\[0\]\.is: of: all is everybody/);
  for (const usd of ['0', '0.0', '0.0000000001', -1, 0, 'much', 0.1 + 0.2])
    t.match(rule({ of: 'all', usd })[0], /rules\[0\]\.usd/, String(usd));
  for (const members of [{ tokens: 0 }, { requests: 1.5 }, { usd: 1, per: 'year' }, { usd: 1, of: 'team' }])
    t.equal(rule({ of: 'all', ...members }).length, 1);
  t.equal(budgets({ rules: [{ of: 'all', usd: 1 }] }).length, 1, 'no span');
  t.match(budgets({ budget: [] })[0], /budgets/, 'a slip in a name is not silently nothing');
  t.match(budgets({ unknownCost: 'hold' })[0], /unknownCost: hold needs unknownCostUsd/);
  t.strictSame(budgets({ unknownCost: 'hold', unknownCostUsd: '0.01' }), []);
});
