import { isIP } from 'node:net';
import { opsFaults } from '../admin/index.ts';
import { systemClock } from '../base/index.ts';
import { natsFaults } from '../bus/index.ts';
import type { SettingsFault } from '../config/index.ts';
import { checkIssuers, type DenySettings, isAddressRange, parseInstant } from '../keys/index.ts';
import { budgetFaults, DEFAULT_BUDGETS } from '../limits/index.ts';
import { type Catalogue, isPriceAddress, priceAddressFault, readPriceFile } from '../providers/index.ts';
import { tlsFault, UNIX_PEER } from '../proxy/index.ts';
import { storeUrlFault } from '../store/index.ts';
import { type UsageSettings, usageFaults } from '../usage/index.ts';
import { CREDENTIAL_FIELDS } from '../wire/index.ts';
import { keepsFacts } from './lasting.ts';
import { compileSettingsProviders, wantsScripted } from './providers.ts';
import type { Settings } from './settings.ts';
import { tlsPairOf } from './settings-traits.ts';

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === '::ffff:127.0.0.1';
}

function providerWithKeys(settings: Settings): string | null {
  for (const [name, provider] of Object.entries(settings.providers ?? {})) {
    if ((provider.keys?.length ?? 0) > 0) return name;
  }
  return null;
}

function checkClientAuth(settings: Settings): SettingsFault[] {
  const { auth, listen } = settings;
  if (auth.staticKeys.length > 0 || auth.issuers.length > 0 || auth.open) return [];
  const pooled = providerWithKeys(settings);
  if (pooled !== null) {
    return [
      {
        path: ['providers', pooled, 'keys'],
        message:
          'a pool key needs clients that can be told apart: add auth.issuers (weir issuer new) or auth.staticKeys, or say auth.open: true to let everyone who can reach the port spend it',
      },
    ];
  }
  if (listen.path === undefined && !isLoopback(listen.host)) {
    return [
      {
        path: ['listen', 'host'],
        message:
          'an address that others can reach needs auth.issuers or auth.staticKeys, or auth.open: true if everyone who can reach it may use it',
      },
    ];
  }
  return [];
}

function checkStaticKeys(settings: Settings): SettingsFault[] {
  const problems: SettingsFault[] = [];
  const ids = new Set<string>();
  const values = new Set<string>();
  settings.auth.staticKeys.forEach(({ id, key, expires }, i) => {
    if (expires !== undefined && parseInstant(expires) === null) {
      const message = 'expected a time such as 2030-01-31T00:00:00Z';
      problems.push({ path: ['auth', 'staticKeys', i, 'expires'], message });
    }
    if (ids.has(id))
      problems.push({ path: ['auth', 'staticKeys', i, 'id'], message: 'this id is used twice' });
    if (values.has(key.reveal())) {
      problems.push({
        path: ['auth', 'staticKeys', i, 'key'],
        message: 'two static keys have the same value',
      });
    }
    if (key.reveal().length < 8) {
      problems.push({
        path: ['auth', 'staticKeys', i, 'key'],
        message: 'a client key must have at least 8 characters',
      });
    }
    ids.add(id);
    values.add(key.reveal());
  });
  return problems;
}

/** Entries that must be addresses or ranges. */
function checkRanges(
  ranges: readonly string[],
  path: SettingsFault['path'],
  words: readonly string[] = [],
): SettingsFault[] {
  return ranges.flatMap((range, i) =>
    words.includes(range) || isAddressRange(range)
      ? []
      : [{ path: [...path, i], message: 'expected an address or a range such as 10.0.0.0/8' }],
  );
}

function checkAddresses({ listen, auth }: Settings): SettingsFault[] {
  return [
    ...checkRanges(listen.trustedProxies, ['listen', 'trustedProxies'], [UNIX_PEER]),
    ...checkRanges(listen.allow, ['listen', 'allow']),
    ...auth.staticKeys.flatMap(({ grant }, i) =>
      checkRanges(grant?.ips ?? [], ['auth', 'staticKeys', i, 'grant', 'ips']),
    ),
  ];
}

function checkTls(settings: Settings): SettingsFault[] {
  const pair = tlsPairOf(settings);
  const problem = pair === null ? null : tlsFault(pair);
  return problem === null
    ? []
    : [{ path: ['listen', 'tls'], message: `certificate and key cannot be used: ${problem}` }];
}

function checkOps({ ops, auth }: Settings): readonly SettingsFault[] {
  return ops === undefined
    ? []
    : opsFaults(
        ops,
        auth.staticKeys.map(({ key }) => key),
      );
}

/** Headers that hold a credential must not become tags of facts. */
function checkTagHeaders({ usage }: Settings): SettingsFault[] {
  const { tagHeaders = [] } = (usage as UsageSettings | undefined) ?? {};
  return tagHeaders.flatMap((name, i) =>
    CREDENTIAL_FIELDS.has(name) || name === 'cookie' || name === 'proxy-authorization'
      ? [{ path: ['usage', 'tagHeaders', i], message: 'this header holds a credential: it cannot be a tag' }]
      : [],
  );
}

function checkUsage({ usage, timeouts }: Settings): readonly SettingsFault[] {
  return usage === undefined ? [] : usageFaults(usage as UsageSettings, timeouts.totalMs);
}

function checkStore({ usage }: Settings): SettingsFault[] {
  const { store = 'none' } = (usage as UsageSettings | undefined) ?? {};
  const message = store === 'none' ? null : storeUrlFault(store);
  return message === null ? [] : [{ path: ['usage', 'store'], message }];
}

/** Budgets are counted from the facts in the store. */
function checkBudgets({ budgets, auth, usage }: Settings): SettingsFault[] {
  const message =
    'budgets are counted from the facts in a store: add usage: {} or usage.store, such as sqlite:./data/weir.db';
  const keeps = keepsFacts(usage as UsageSettings | undefined);
  const grants = auth.staticKeys.flatMap(({ grant }, i): SettingsFault[] => {
    const path = ['auth', 'staticKeys', i, 'grant', 'budget'];
    if (grant?.budget === undefined) return [];
    const faults = budgetFaults({ ...DEFAULT_BUDGETS, rules: [{ of: 'key', ...grant.budget }] });
    const own = faults.map(fault => ({ path: [...path, ...fault.path.slice(2)], message: fault.message }));
    return keeps ? own : [{ path, message }, ...own];
  });
  if (budgets === undefined) return grants;
  return [
    // Without rules the section is a switch that is off: nothing is counted.
    ...(keeps || budgets.rules.length === 0 ? [] : [{ path: ['budgets'], message }]),
    ...budgetFaults(budgets).map(fault => ({ path: ['budgets', ...fault.path], message: fault.message })),
    ...grants,
  ];
}

/** The sections that may name a NATS server. */
function checkNats(settings: Settings): readonly SettingsFault[] {
  const { nats: limits } = settings.limits;
  const deny = (settings.deny as DenySettings | undefined)?.nats;
  return [
    ...(limits === undefined ? [] : natsFaults(limits, ['limits', 'nats'])),
    ...(deny === undefined ? [] : natsFaults(deny, ['deny', 'nats'])),
  ];
}

/** A list of prices that lies in a file must be good now; one at an address may be away for a while. */
function checkPrices({ usage }: Settings): SettingsFault[] {
  const { prices } = (usage as UsageSettings | undefined) ?? {};
  if (prices === undefined) return [];
  const path = ['usage', 'prices'];
  const fault = isPriceAddress(prices) ? priceAddressFault(prices) : readPriceFile(prices);
  return typeof fault === 'string' ? [{ path, message: fault }] : [];
}

/** Any address does for a check: the scripted origin is started only to serve. */
const SOME_ORIGIN = 'http://127.0.0.1:1';

/** `providers.lab.keys[0]` as segments. */
function segmentsOf(path: string): string[] {
  return path.split(/[.[\]]+/).filter(segment => segment !== '');
}

function checkProviders(settings: Settings, catalogue: Catalogue): SettingsFault[] {
  const origin = wantsScripted(settings, catalogue) ? SOME_ORIGIN : null;
  const compiled = compileSettingsProviders(settings, catalogue, systemClock, origin, null);
  if ('providers' in compiled) return checkGrants(settings, compiled.providers);
  return compiled.map(({ path, message }) => ({ path: segmentsOf(path), message }));
}

/** A grant that names no provider of this gateway is a typing error, and would deny silently. */
function checkGrants(settings: Settings, providers: ReadonlyMap<string, unknown>): SettingsFault[] {
  return settings.auth.staticKeys.flatMap(({ grant }, i) =>
    (grant?.providers ?? []).flatMap((name, at) => {
      if (providers.has(name)) return [];
      const path = ['auth', 'staticKeys', i, 'grant', 'providers', at];
      return [{ path, message: 'no provider of this gateway has this name' }];
    }),
  );
}

/** The rules of CONTRACT §2 on who may use a configured key, and whether the providers can be reached at all. */
export function checkSettings(settings: Settings, catalogue: Catalogue): readonly SettingsFault[] {
  return [
    ...checkClientAuth(settings),
    ...checkIssuers(settings.auth),
    ...checkStaticKeys(settings),
    ...checkTls(settings),
    ...checkAddresses(settings),
    ...checkOps(settings),
    ...checkNats(settings),
    ...checkBudgets(settings),
    ...checkTagHeaders(settings),
    ...checkUsage(settings),
    ...checkPrices(settings),
    ...checkStore(settings),
    ...checkProviders(settings, catalogue),
  ];
}
