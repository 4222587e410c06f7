import type { Clock } from '../base/index.ts';
import type {
  AuthScheme,
  AuthSchemeName,
  Dialect,
  DrainLimit,
  KeyRefusal,
  PoolKey,
  Provider,
  StreamUsagePolicy,
  UsageTraits,
} from '../pipeline/index.ts';
import { ByPathScheme } from './auth/by-path.ts';
import type { PostForm } from './auth/google-oauth.ts';
import { createScheme, type SchemeTools } from './auth/schemes.ts';
import type { Catalogue } from './catalogue.ts';
import { CompiledProvider } from './compiled-provider.ts';
import { PROVIDER_NAME, PROVIDER_NAME_MAX, reservedNames } from './names.ts';
import { fillTemplate, type Origin, parseOrigin, templateVariables } from './origin.ts';
import { compilePoolKeys } from './pool-keys.ts';
import type { PriceFile } from './prices/price-file.ts';
import { compilePrices, type PriceTable } from './prices/price-list.ts';
import { ProviderPrices } from './prices/provider-prices.ts';
import type { PriceSettings } from './prices/rates.ts';
import type { ProviderProblem } from './problem.ts';
import type { ProviderRow } from './row.ts';
import { DEFAULT_DRAIN, type ProviderSettings, type ProvidersSettings } from './settings.ts';

/** What the house lends the schemes and the demo. */
export interface ProviderTools {
  readonly clock: Clock;
  readonly postForm: PostForm;
  /** Where the scripted server listens, or null while it does not run: then its row is left out. */
  readonly scriptedOrigin: string | null;
  /** A list of prices in LiteLLM's form, asked after the config's own prices. */
  readonly priceFile: PriceFile | null;
}

/** A path prefix that leads to a provider without its name. */
export interface BareRoute {
  /** Such as `/v1/messages`. */
  readonly prefix: string;
  readonly segments: readonly string[];
  readonly provider: Provider;
}

/** The providers that requests may reach. */
export interface CompiledProviders {
  readonly providers: ReadonlyMap<string, Provider>;
  /** Longest prefix first. */
  readonly bare: readonly BareRoute[];
  /** What each provider's models cost. */
  readonly prices: ReadonlyMap<string, ProviderPrices>;
}

const DEFAULT_REQUEST_ID_HEADERS: readonly string[] = ['x-request-id'];

/** What most providers say to a bad or unpaid key. */
const DEFAULT_KEY_REFUSALS: readonly KeyRefusal[] = [
  { status: 401, reason: null },
  { status: 402, reason: null },
];

const NO_TRAITS: UsageTraits = { reasoningOutsideOutput: false, outputIsTotalMinusInput: false };

/** What a new provider of the config is, besides its settings. */
const NO_ROW: Partial<ProviderRow> = { auth: 'bearer' };

/**
 * Rows and config → providers, or every problem found. A row whose origin is
 * not complete is left out, so its name is unknown. Servers on the machine
 * itself are there where the config names them or has no `providers` section at
 * all (`section` null): a gateway set up for others must not lead to whatever
 * happens to listen on its own loopback ports.
 */
export function compileProviders(
  catalogue: Catalogue,
  section: ProvidersSettings | null,
  dialects: ReadonlyMap<string, Dialect>,
  tools: ProviderTools,
): CompiledProviders | readonly ProviderProblem[] {
  const compiler = new Compiler(dialects, tools);
  const entries = new Map(Object.entries(section ?? {}));
  for (const [name, row] of catalogue.rows) {
    const settings = entries.get(name) ?? null;
    if (settings === null && row.local === true && section !== null) continue;
    compiler.add({ name, row, settings });
  }
  const reserved = reservedNames(catalogue.bare.map(([prefix]) => prefix));
  for (const [name, settings] of entries) {
    if (catalogue.rows.has(name)) continue;
    const fault = nameFault(name, reserved);
    if (fault === null) compiler.add({ name, row: NO_ROW, settings });
    else compiler.problems.push(fault);
  }
  if (compiler.problems.length > 0) return compiler.problems;
  const { providers, prices } = compiler;
  return { providers, bare: bareRoutes(catalogue, providers), prices };
}

function nameFault(name: string, reserved: ReadonlySet<string>): ProviderProblem | null {
  if (reserved.has(name)) {
    return { path: `providers.${name}`, message: 'is a path of the gateway itself: choose another name' };
  }
  if (PROVIDER_NAME.test(name)) return null;
  // A long one may be a key that landed in the wrong place.
  const path = name.length <= PROVIDER_NAME_MAX ? `providers.${name}` : 'providers';
  return {
    path,
    message: 'a name is made of a-z, 0-9 and dashes, at most 32 of them, and begins with no dash',
  };
}

function bareRoutes(catalogue: Catalogue, providers: ReadonlyMap<string, Provider>): readonly BareRoute[] {
  return catalogue.bare.flatMap(([prefix, name]) => {
    const provider = providers.get(name);
    return provider === undefined ? [] : [{ prefix, segments: prefix.split('/').slice(1), provider }];
  });
}

/** A provider to be: its row, and its config where it has one. */
interface Draft {
  readonly name: string;
  readonly row: Partial<ProviderRow>;
  readonly settings: ProviderSettings | null;
}

class Compiler {
  readonly providers = new Map<string, Provider>();
  readonly prices = new Map<string, ProviderPrices>();
  readonly problems: ProviderProblem[] = [];
  readonly #dialects: ReadonlyMap<string, Dialect>;
  readonly #tools: ProviderTools;

  constructor(dialects: ReadonlyMap<string, Dialect>, tools: ProviderTools) {
    this.#dialects = dialects;
    this.#tools = tools;
  }

  refuse(path: string, message: string): void {
    this.problems.push({ path: `providers.${path}`, message });
  }

  add(draft: Draft): void {
    const { name, row, settings } = draft;
    const before = this.problems.length;
    const origin = this.#origin(draft);
    if (origin === null) return;
    const dialects = this.#families(draft);
    const schemeName = settings?.auth ?? row.auth ?? (settings?.keys?.length ? 'bearer' : 'none');
    const keys = this.#keys(draft, schemeName);
    const scheme = this.#scheme(draft, schemeName, origin.originPath);
    const prices = this.#prices(draft);
    if (scheme === null || this.problems.length > before) return;
    this.prices.set(name, prices);
    this.providers.set(
      name,
      new CompiledProvider({
        name,
        ...origin,
        scheme,
        dialects,
        streamUsage: streamUsage(draft),
        injectUsage: settings?.injectUsage ?? true,
        traits: { ...NO_TRAITS, ...row.usage },
        prices,
        disconnect: drainLimit(settings),
        keys,
        keyRefusals: keyRefusals(row),
        rewriteUrlHeaders: new Set(row.rewriteUrlHeaders),
        requestIdHeaders: row.requestIdHeaders ?? DEFAULT_REQUEST_ID_HEADERS,
      }),
    );
  }

  #origin(draft: Draft): Origin | null {
    const { name, row, settings } = draft;
    const template =
      settings?.origin ?? (row.scripted === true ? this.#tools.scriptedOrigin : row.origin) ?? null;
    if (template === null) {
      if (settings !== null && row.scripted !== true)
        this.refuse(name, 'origin is needed: this provider has no fixed one');
      return null;
    }
    const values = variableValues(draft);
    const missing = templateVariables(template).find(variable => !values.has(variable));
    if (missing !== undefined) {
      if (row.variables?.includes(missing) !== true)
        this.refuse(`${name}.origin`, `there is no {${missing}} to fill in`);
      else if (settings !== null) this.refuse(name, `${missing} is needed: the origin is ${template}`);
      return null;
    }
    const origin = parseOrigin(fillTemplate(template, values));
    if (typeof origin !== 'string') return origin;
    this.refuse(`${name}.origin`, origin);
    return null;
  }

  #families({ name, row, settings }: Draft): readonly Dialect[] {
    const stated = row.dialects ?? settings?.dialect ?? [];
    const families = typeof stated === 'string' ? [stated] : stated;
    const found = families.flatMap(family => this.#dialects.get(family) ?? []);
    if (found.length === 0 || found.length < families.length) {
      this.refuse(`${name}.dialect`, `must name dialects out of ${[...this.#dialects.keys()].join(', ')}`);
    }
    return found;
  }

  #keys(draft: Draft, schemeName: AuthSchemeName): readonly PoolKey[] {
    const { name, row, settings } = draft;
    const stated = settings?.keys ?? [];
    if (stated.length === 0) return [];
    if (schemeName === 'none') {
      this.refuse(`${name}.keys`, 'auth: none sends no key: remove the keys, or say how they are sent');
    }
    const { region } = signingOf(draft) ?? {};
    if (schemeName === 'sigv4' && region === null) this.refuse(name, 'region is needed to sign with');
    const byPath = settings?.auth === undefined ? Object.values(row.authByPath ?? {}) : [];
    return compilePoolKeys(name, stated, [schemeName, ...byPath], this.problems);
  }

  /** The operator's word first, then the file, then what the row states. */
  #prices({ name, row, settings }: Draft): ProviderPrices {
    const listed = (row.priceNames ?? [name]).flatMap(each => this.#tools.priceFile?.get(each) ?? []);
    return new ProviderPrices([
      ['config', this.#stated(name, settings?.prices ?? [])],
      ...listed.map(table => ['list', table] as const),
      ['row', this.#stated(name, row.prices ?? [])],
    ]);
  }

  #stated(name: string, prices: readonly PriceSettings[]): PriceTable {
    const { table, faults } = compilePrices(prices);
    for (const { path, message } of faults) this.refuse(`${name}.prices${path}`, message);
    return table;
  }

  #scheme(draft: Draft, schemeName: AuthSchemeName, originPath: string): AuthScheme | null {
    const { name, row, settings } = draft;
    const tools: SchemeTools = { ...this.#tools, signing: signingOf(draft) };
    const scheme = createScheme(schemeName, tools);
    if (scheme === null)
      this.refuse(`${name}.auth`, `${schemeName} is only for providers whose row says how to sign`);
    if (scheme === null || settings?.auth !== undefined || row.authByPath === undefined) return scheme;
    const below = Object.entries(row.authByPath).map(
      ([prefix, other]) => [originPath + prefix, createScheme(other, tools) ?? scheme] as const,
    );
    return new ByPathScheme(scheme, below);
  }
}

function keyRefusals({ invalidKey }: Partial<ProviderRow>): readonly KeyRefusal[] {
  return (
    invalidKey?.map(({ status, reason }) => ({ status, reason: reason ?? null })) ?? DEFAULT_KEY_REFUSALS
  );
}

function signingOf(draft: Draft): SchemeTools['signing'] {
  const service = draft.row.signing?.service;
  return service === undefined ? null : { service, region: variableValues(draft).get('region') ?? null };
}

function variableValues({ row, settings }: Draft): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const variable of row.variables ?? []) {
    const value = settings?.[variable];
    if (typeof value === 'string') values.set(variable, value);
  }
  return values;
}

/** `drain` alone takes the limits that `drain: {}` has by default. */
function drainLimit(settings: ProviderSettings | null): DrainLimit | null {
  const disconnect = settings?.disconnect ?? 'cancel';
  if (disconnect === 'cancel') return null;
  return disconnect === 'drain' ? DEFAULT_DRAIN : disconnect.drain;
}

/** The operator may know what a row does not: `injectUsage: true` says that the server takes the option. */
function streamUsage({ row, settings }: Draft): StreamUsagePolicy {
  const stated = row.streamUsage ?? 'unknown';
  return stated === 'unknown' && settings?.injectUsage === true ? 'opt-in' : stated;
}
