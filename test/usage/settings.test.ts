import { resolve } from 'node:path';
import t from 'tap';
import { SettingsLoader } from '../../lib/gateway/index.ts';
import type { UsageSettings } from '../../lib/usage/index.ts';

t.test('journal: none is no folder of that name', async t => {
  const journalOf = (usage: object): string => {
    const loaded = new SettingsLoader({}).load({ object: { providers: { demo: {} }, usage } });
    if (!loaded.ok) throw new Error(loaded.problems[0]!.message);
    return (loaded.settings.usage as UsageSettings).journal;
  };
  t.equal(journalOf({ journal: 'none' }), 'none');
  t.equal(journalOf({}), resolve('data/journal'));
  t.equal(journalOf({ journal: './facts' }), resolve('facts'));
});
