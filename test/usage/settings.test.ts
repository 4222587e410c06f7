import { resolve } from 'node:path';
import t from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { explain, SettingsLoader } from '../../lib/gateway/index.ts';
import type { UsageSettings } from '../../lib/usage/index.ts';

const PASSWORD = 'CANARY-91c4';
const URL_WITH_PASSWORD = `postgres://weir:${PASSWORD}@db.lab:5433/facts?sslmode=verify-full`;

function load(usage: object, env: Readonly<Record<string, string>> = {}) {
  return new SettingsLoader(env).load({ object: { providers: { demo: {} }, usage } });
}

function usageOf(usage: object, env?: Readonly<Record<string, string>>): UsageSettings {
  const loaded = load(usage, env);
  if (!loaded.ok) throw new Error(loaded.problems[0]!.message);
  return loaded.settings.usage as UsageSettings;
}

t.test('journal: none is no folder of that name', async t => {
  t.equal(usageOf({ journal: 'none' }).journal, 'none');
  t.equal(usageOf({}).journal, resolve('data/journal'));
  t.equal(usageOf({ journal: './facts' }).journal, resolve('facts'));
});

t.test('a store is a file, a server, or a reference to the URL of one', async t => {
  const env = { STORE: URL_WITH_PASSWORD };
  t.equal(usageOf({}).store, `sqlite:${resolve('data/weir.db')}`);
  t.equal(usageOf({ store: 'none' }).store, 'none');
  for (const store of ['postgres://weir@db.lab/facts', 'postgresql:///facts?host=/run/postgresql'])
    t.equal(usageOf({ store }).store, store);
  const file = t.testdir({ url: `${URL_WITH_PASSWORD}\n` });
  for (const store of ['env:STORE', `file:${file}/url`, new Secret(URL_WITH_PASSWORD)]) {
    const read = usageOf({ store }, env).store;
    t.ok(read instanceof Secret);
    t.equal((read as Secret).reveal(), URL_WITH_PASSWORD);
  }
});

t.test('a password is seen nowhere', async t => {
  const loader = new SettingsLoader({ STORE: URL_WITH_PASSWORD });
  const loaded = loader.load({ object: { providers: { demo: {} }, usage: { store: 'env:STORE' } } });
  if (!loaded.ok) throw new Error(loaded.problems[0]!.message);
  const lines = await explain(loaded.settings, loader.catalogue);
  t.ok(lines.some(line => line.includes('summed up in postgres://db.lab:5433/facts')));
  t.notMatch(lines.join() + JSON.stringify(loaded), new RegExp(`${PASSWORD}|weir:`));
});

t.test('what cannot be a store is refused, and not repeated', async t => {
  for (const [store, message] of [
    ['mysql://db.lab/facts', /^expected none, a file such as sqlite:/],
    ['sqlite:', /path/],
    [7, /^expected /],
    ['postgres://db.lab', /names no database/],
    ['postgres://db.lab:port/facts', /no URL/],
    [URL_WITH_PASSWORD, /env:NAME or file:PATH/],
    [`postgres://db.lab/facts?password=${PASSWORD}`, /env:NAME or file:PATH/],
    ['env:NOTHING', /NOTHING is not set/],
    ['env:STORE', /expected postgres:\/\/USER/],
    ['env:HASH', /written as %XX/],
    ['env:FILE', /begins at the root/],
  ] as const) {
    const env = {
      STORE: `mysql://weir:${PASSWORD}@db.lab/x`,
      HASH: `postgres://u:%${PASSWORD}@db.lab/x`,
      FILE: 'sqlite:./weir.db',
    };
    const loaded = load({ store }, env);
    t.notOk(loaded.ok, String(store));
    if (loaded.ok) continue;
    t.equal(loaded.problems[0]!.path, 'usage.store');
    t.match(loaded.problems[0]!.message, message);
    t.notMatch(JSON.stringify(loaded.problems), new RegExp(PASSWORD));
  }
});
