import { describeOps } from '../admin/index.ts';
import { systemClock } from '../base/index.ts';
import { formatQuantity } from '../config/index.ts';
import { DEFAULT_BUDGETS, describeBudgets, describeLimits } from '../limits/index.ts';
import type { Provider } from '../pipeline/index.ts';
import type { Catalogue, CompiledProviders } from '../providers/index.ts';
import { IN_HAND_BYTES } from '../proxy/index.ts';
import type { UsageSettings } from '../usage/index.ts';
import { hasRules, keysMayBring } from './budgets.ts';
import { FEATURES } from './features.ts';
import { keepsFacts } from './lasting.ts';
import { outlinePlan, type PlanOutline } from './outline.ts';
import { compileSettingsProviders, wantsScripted } from './providers.ts';
import type { Settings } from './settings.ts';
import { grantsMayLimit, hasOwnKeys, isByo, isOpenTo, remembersState } from './settings-traits.ts';

/** Stands for the built-in origin, which is not started to be told about. */
const NOWHERE = 'http://127.0.0.1:0';

/** What a stage does, by its name. One that is not here is told by its name alone. */
const STAGE_WORDS: Readonly<Record<string, string>> = {
  'address-rate': 'requests a minute of each address',
  identify: 'who asks, by the credential',
  deny: 'the deny set: keys, subjects and issuers that are refused',
  grant: 'provider, operation and address, by the grant of the key',
  state: 'whether the body may name what one of several pool keys made',
  concurrency: 'requests at a time',
  'request-rate': 'requests a minute',
  'budget-needs': 'whether a budget applies',
  budgets: 'budgets, reserved and then settled',
  models: 'the models named, by the grant of the key',
  'token-rate': 'tokens a minute, reserved and then made right',
  pool: 'one of the pool keys of the provider',
};

/** What the settings amount to, for `weir check --explain`: opens and writes nothing. */
export async function explain(settings: Settings, catalogue: Catalogue): Promise<readonly string[]> {
  const scriptedOrigin = wantsScripted(settings, catalogue) ? NOWHERE : null;
  const compiled = compileSettingsProviders(settings, catalogue, systemClock, scriptedOrigin, null);
  // The loader has compiled the same section, so nothing is left to be wrong.
  if (!('providers' in compiled))
    throw new Error(compiled.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const outline = await outlinePlan(settings, compiled);
  const on = FEATURES.filter(({ section }) => settings[section] !== undefined);
  return [
    ...block('listen', [addressOf(settings)]),
    ...block('providers', [describeProviders(compiled)]),
    ...block('clients bring', [clientsOf(settings)]),
    ...block('a request', steps(settings, compiled, outline)),
    ...block('limits', limitLines(settings)),
    ...block('budgets', budgetLines(settings)),
    ...block(
      'ops',
      settings.ops === undefined
        ? ['none: no probes, no metrics, no admin calls']
        : describeOps(settings.ops),
    ),
    ...(on.length === 0
      ? block('features', ['none: facts go to the log line only, nothing is written to disk'])
      : on.flatMap(({ section, describe }) => block(section, describe(settings[section] as never)))),
  ];
}

function block(title: string, lines: readonly string[]): readonly string[] {
  return lines.map((line, i) => `${(i === 0 ? title : '').padEnd(15)} ${line}`);
}

function addressOf({ listen: { host, port, path, tls } }: Settings): string {
  if (path !== undefined) return `at the unix socket ${path}`;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port === 0 ? '(any free port)' : port}`;
  return `at ${tls === undefined ? 'http' : 'https'}://${authority}`;
}

function describeProviders({ providers }: CompiledProviders): string {
  const pooled = [...providers.values()].filter(({ keys }) => keys.length > 0);
  const named = pooled.map(({ name, keys }) => `${name} (${keys.length})`).join(', ');
  return `${providers.size}, with pool keys: ${named || 'none'}`;
}

function clientsOf(settings: Settings): string {
  const { staticKeys, issuers, open } = settings.auth;
  const clients = [
    ...(issuers.length > 0 ? [`keys signed by ${issuers.length} issuer(s)`] : []),
    ...(staticKeys.length > 0 ? [`${staticKeys.length} static key(s)`] : []),
    ...(isByo(settings) ? ['their own provider keys'] : []),
    ...(open ? ['no key at all where a pool key is configured'] : []),
  ];
  return clients.join(', or ') || 'nothing that is accepted';
}

/** What a request passes, in that order (CONTRACT §7). */
function steps(settings: Settings, compiled: CompiledProviders, outline: PlanOutline): readonly string[] {
  const { listen, limits } = settings;
  const providers = [...compiled.providers.values()];
  const open = providers.filter(provider => isOpenTo(settings, provider));
  const stage = ({ name }: { readonly name: string }): string => step(name, STAGE_WORDS[name] ?? '');
  return [
    step('target', 'framing, method and target'),
    step('overload', `at most ${limits.inflight} requests under way`),
    ...(listen.allow.length === 0 ? [] : [step('listen.allow', `only from ${listen.allow.join(', ')}`)]),
    ...(open.length === 0 ? [] : [step('cross-site', `no pages of other sites at ${names(open)}`)]),
    ...outline.admit.map(stage),
    step('provider', `known by name, body declared up to ${formatQuantity('bytes', limits.bodyBytes)}`),
    ...outline.early.map(stage),
    ...bodySteps(settings, compiled),
    ...outline.late.map(stage),
    step('dispatch', 'to the provider, with its own key where the request has one of ours'),
    step('relay', 'the answer, byte for byte, read for usage beside it'),
    step('settle', outline.holdsEnd ? 'one fact; the end of the answer waits until it is kept' : 'one fact'),
  ];
}

function step(name: string, words: string): string {
  return `${name.padEnd(13)} ${words}`.trimEnd();
}

/** How much of a body is read before it goes on, and why more than usual. */
function bodySteps(settings: Settings, compiled: CompiledProviders): readonly string[] {
  const { auth, limits } = settings;
  const providers = [...compiled.providers.values()];
  const pooled = providers.filter(({ keys }) => keys.length > 0);
  const mayRestrictModels =
    auth.issuers.length > 0 || auth.staticKeys.some(({ grant }) => grant?.models !== undefined);
  const shared = providers.filter(({ keys }) => keys.length > 1);
  const signed = pooled.filter(({ scheme }) => scheme.needsBody);
  const asked = pooled.filter(({ streamUsage, injectUsage }) => streamUsage === 'opt-in' && injectUsage);
  const whole = [
    ...(hasOwnKeys(settings) && mayRestrictModels ? ['where the grant of a key restricts models'] : []),
    ...(remembersState(compiled) ? [`where it may name what a key of ${names(shared)} made`] : []),
    ...(signed.length > 0 ? [`where ${names(signed)} wants it signed`] : []),
  ];
  return [
    step('body', `read up to ${formatQuantity('bytes', IN_HAND_BYTES)}, the rest passes as it comes`),
    ...whole.map(why => step('', `whole, up to ${formatQuantity('bytes', limits.bodyBytes)}, ${why}`)),
    ...(asked.length > 0 ? [step('', `usage is asked for in streams of ${names(asked)}`)] : []),
  ];
}

function names(providers: readonly Provider[]): string {
  return providers.map(({ name }) => name).join(', ');
}

function budgetLines(settings: Settings): readonly string[] {
  const mayBring = keysMayBring(settings) && keepsFacts(settings.usage as UsageSettings | undefined);
  if (!hasRules(settings) && !mayBring) return ['none'];
  return describeBudgets(settings.budgets ?? DEFAULT_BUDGETS, mayBring);
}

function limitLines(settings: Settings): readonly string[] {
  const { connections, connectionsPerAddress, badCredentialsPerAddress } = settings.limits;
  return [
    `${connections} connections, ${connectionsPerAddress} of them of one address`,
    ...(hasOwnKeys(settings) ? [`${badCredentialsPerAddress} bad credentials a minute of one address`] : []),
    ...describeLimits(settings.limits, grantsMayLimit(settings)),
  ];
}
