import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '../../lib/base/index.ts';
import { Builder } from '../../lib/gateway/builder.ts';
import { explain } from '../../lib/gateway/explain.ts';
import { type Settings, SettingsLoader } from '../../lib/gateway/index.ts';
import { outlinePlan } from '../../lib/gateway/outline.ts';
import { compileSettingsProviders } from '../../lib/gateway/providers.ts';
import type { CompiledProviders } from '../../lib/providers/index.ts';
import { DnsCache, Upstreams } from '../../lib/proxy/index.ts';

const ISSUER = { publicKey: 'k4.public.11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const loader = new SettingsLoader({
  K1: 'sk-first-of-two',
  K2: 'sk-second-of-two',
  AWS: 'AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY',
  TEAM: 'team-key-of-a-test',
  ADMIN: 'admin-key-of-a-test',
});

/** Names of stages in the order in which they run. */
interface Case {
  readonly what: string;
  readonly config: (folder: string) => object;
  readonly admit: readonly string[];
  readonly early: readonly string[];
  readonly late: readonly string[];
  readonly holdsEnd: boolean;
}

const staticKey = (grant?: object) => ({
  staticKeys: [{ id: 'team', key: 'env:TEAM', ...(grant && { grant }) }],
});

const CASES: readonly Case[] = [
  {
    what: 'nothing',
    config: () => ({}),
    admit: [],
    early: ['identify'],
    late: ['pool'],
    holdsEnd: false,
  },
  {
    what: 'a static key',
    config: () => ({ auth: staticKey() }),
    admit: [],
    early: ['identify', 'grant'],
    late: ['models', 'pool'],
    holdsEnd: false,
  },
  {
    what: 'a static key with a grant, which may limit',
    config: () => ({ auth: staticKey({ rpm: 5 }) }),
    admit: [],
    early: ['identify', 'grant', 'concurrency', 'request-rate'],
    late: ['models', 'token-rate', 'pool'],
    holdsEnd: false,
  },
  {
    what: 'rates of addresses and of everybody',
    config: () => ({ limits: { perAddress: { rpm: 5 }, global: { rpm: 50 } } }),
    admit: ['address-rate'],
    early: ['identify', 'request-rate'],
    late: ['pool'],
    holdsEnd: false,
  },
  {
    what: 'a journal alone',
    config: folder => ({ usage: { journal: join(folder, 'journal'), store: 'none' } }),
    admit: [],
    early: ['identify'],
    late: ['pool'],
    holdsEnd: true,
  },
  {
    what: 'usage without a journal',
    config: () => ({ usage: { journal: 'none', store: 'none' } }),
    admit: [],
    early: ['identify'],
    late: ['pool'],
    holdsEnd: false,
  },
  {
    what: 'everything',
    config: folder => ({
      listen: { allow: ['127.0.0.0/8'] },
      providers: { openai: { keys: ['env:K1', 'env:K2'] } },
      auth: { issuers: [ISSUER], byo: true },
      deny: { snapshot: join(folder, 'deny.snapshot') },
      limits: { perAddress: { rpm: 5 }, perKey: { rpm: 5, tpm: 500, concurrency: 2 } },
      usage: { journal: join(folder, 'journal'), store: `sqlite:${join(folder, 'weir.db')}` },
      ops: { adminKeys: [{ key: 'env:ADMIN', role: 'admin' }] },
    }),
    admit: ['address-rate'],
    early: ['identify', 'deny', 'grant', 'state', 'concurrency', 'request-rate', 'budget-needs'],
    late: ['models', 'token-rate', 'budgets', 'pool'],
    holdsEnd: true,
  },
];

function load(config: object): Settings {
  const result = loader.load({ object: config });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.settings;
}

function compile(settings: Settings): CompiledProviders {
  const compiled = compileSettingsProviders(settings, loader.catalogue, systemClock, null, null);
  if ('providers' in compiled) return compiled;
  throw new Error(JSON.stringify(compiled));
}

/** What a gateway with these settings truly runs on. */
async function truth(settings: Settings) {
  const house = (compiled: CompiledProviders) => ({
    clock: systemClock,
    instance: 'test',
    boot: '0123456789abcdef',
    providers: compiled.providers,
    warn: () => {},
    endWhere: () => {},
  });
  const builder = new Builder({
    clock: systemClock,
    house,
    compile: async of => compile(of),
    upstreams: ({ limits, timeouts }) =>
      new Upstreams(limits.inflight, timeouts.connectMs, new DnsCache(systemClock)),
    sinks: () => [],
    warn: () => {},
    pricesChanged: () => {},
  });
  const build = await builder.build(settings, null);
  const { admit, early, late, holdsEnd } = build.assembly.plan;
  build.assembly.settler.close();
  await Promise.all(build.installed.map(installed => installed.close?.()));
  await build.upstreams.destroy();
  return { admit: names(admit), early: names(early), late: names(late), holdsEnd };
}

function names(stages: readonly { readonly name: string }[]): readonly string[] {
  return stages.map(({ name }) => name);
}

/** The names of steps that are printed, in order. */
function stepsOf(lines: readonly string[]): readonly string[] {
  const from = lines.findIndex(line => line.startsWith('a request'));
  const to = lines.findIndex(line => line.startsWith('limits '));
  return lines
    .slice(from, to)
    .map(line => line.slice(16).split(' ')[0]!)
    .filter(name => name !== '');
}

async function explained(t: Test, config: object): Promise<readonly string[]> {
  const lines = await explain(load(config), loader.catalogue);
  t.notMatch(lines.join('\n'), /sk-first|sk-second|team-key|admin-key|wJalrX/, 'no secret is printed');
  return lines;
}

for (const { what, config, ...stages } of CASES) {
  t.test(`what is explained is what runs: ${what}`, async t => {
    const folder = t.testdir();
    const settings = load(config(folder));
    const outline = await outlinePlan(settings, compile(settings));
    t.same(readdirSync(folder), [], 'nothing was opened or written');
    t.strictSame(
      {
        admit: names(outline.admit),
        early: names(outline.early),
        late: names(outline.late),
        holdsEnd: outline.holdsEnd,
      },
      stages,
    );
    t.strictSame(await truth(settings), stages, 'and a gateway has the same');
    const steps = stepsOf(await explained(t, config(folder)));
    t.strictSame(
      steps.filter(name => !['listen.allow', 'cross-site'].includes(name)),
      [
        'target',
        'overload',
        ...stages.admit,
        'provider',
        ...stages.early,
        'body',
        ...stages.late,
        'dispatch',
        'relay',
        'settle',
      ],
    );
  });
}

t.test('rules of address and site stand where they are judged', async t => {
  const config = { listen: { allow: ['10.0.0.0/8', '::1'] }, limits: { perAddress: { rpm: 5 } } };
  const lines = await explained(t, config);
  t.strictSame(stepsOf(lines).slice(0, 6), [
    'target',
    'overload',
    'listen.allow',
    'cross-site',
    'address-rate',
    'provider',
  ]);
  t.match(lines.join('\n'), 'only from 10.0.0.0/8, ::1');
});

t.test('how much of a body is read, and why', async t => {
  const whole = async (config: object) =>
    (await explained(t, config)).filter(line => line.includes('whole, up to')).map(line => line.trim());
  t.strictSame(await whole({}), []);
  t.strictSame(await whole({ auth: staticKey({ rpm: 5 }) }), []);
  t.strictSame(await whole({ auth: staticKey({ models: ['a'] }), limits: { bodyBytes: '2MiB' } }), [
    'whole, up to 2MiB, where the grant of a key restricts models',
  ]);
  t.strictSame(await whole({ auth: { issuers: [ISSUER] } }), [
    'whole, up to 32MiB, where the grant of a key restricts models',
  ]);
  const pooled = {
    providers: {
      openai: { keys: ['env:K1', 'env:K2'] },
      bedrock: { region: 'us-east-1', keys: ['env:AWS'] },
    },
    auth: { open: true },
  };
  t.strictSame(await whole(pooled), [
    'whole, up to 32MiB, where it may name what a key of openai made',
    'whole, up to 32MiB, where bedrock wants it signed',
  ]);
  t.match((await explained(t, pooled)).join('\n'), 'usage is asked for in streams of openai');
  const uninjected = { ...pooled, providers: { openai: { keys: ['env:K1'], injectUsage: false } } };
  t.notMatch((await explained(t, uninjected)).join('\n'), 'usage is asked for');
});

t.test('limits, ops and listen say what the config says', async t => {
  const before = existsSync('data');
  const plain = (await explained(t, {})).join('\n');
  t.match(plain, /^listen {10}at http:\/\/127\.0\.0\.1:8787$/m);
  t.match(plain, 'no rates by config');
  t.match(plain, /^ops {13}none: no probes/m);
  t.match(plain, /^features {8}none/m);

  const full = (
    await explained(t, {
      listen: { host: '::1', port: 0 },
      auth: staticKey({}),
      limits: {
        connections: 77,
        badCredentialsPerAddress: 9,
        perKey: { rpm: 600, concurrency: 4 },
        perSubject: { tpm: 9000 },
        perAddress: { rpm: 60 },
        global: { rpm: 700 },
        headers: true,
        nats: { servers: ['nats://127.0.0.1:1'] },
      },
      ops: { host: '::1', port: 99, metrics: 'viewer', adminKeys: [{ key: 'env:ADMIN', role: 'viewer' }] },
    })
  ).join('\n');
  for (const expected of [
    'at http://[::1]:(any free port)',
    '77 connections',
    '9 bad credentials a minute',
    'each key: 600 requests a minute, 4 at a time',
    'each subject: 9000 tokens a minute',
    'each address: 60 requests a minute',
    'everybody together: 700 requests a minute',
    'answers tell how near a limit is',
    'over NATS at nats://127.0.0.1:1: weir.limits',
    'at http://[::1]:99',
    '/metrics for admin keys',
    'admin calls of viewer-1 (viewer)',
  ])
    t.match(full, expected);
  const probesOnly = (await explained(t, { ops: { metrics: 'off' } })).join('\n');
  t.match(probesOnly, 'no admin calls');
  t.match(probesOnly, '/metrics for nobody');
  t.equal(existsSync('data'), before, 'the default paths are not made');
});
