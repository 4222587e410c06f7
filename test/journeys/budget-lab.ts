import { setImmediate } from 'node:timers/promises';
import type { Test } from 'tap';
import { mintKey } from '../../lib/keys/token/mint.ts';
import type { Fact } from '../../lib/pipeline/index.ts';
import type { Exchanged, RequestParts } from '../client/index.ts';
import { exchange } from '../client/index.ts';
import { startWeir, type WeirOptions } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { CLIENT_KEY, Lab, POOL_KEY } from './lab.ts';
import { ADMIN_KEYS, ISSUER, json, OPS, ops } from './ops-client.ts';

export const CHAT = '/openai/v1/chat/completions';

export const STREAM: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];
export const JSON_TYPE: Fields = [['Content-Type', 'application/json']];

/** USD for a million tokens of the model `priced`: 2 in, 8 out. */
const PRICES = [{ models: ['priced'], input: 2, output: 8, cachedInput: 0.5 }];

/** One account as `GET /budgets` shows it. */
export interface BudgetRow {
  readonly of: string;
  readonly is: string | null;
  readonly per: string;
  readonly resets: string | null;
  readonly spent: { readonly requests: number; readonly tokens: number; readonly usd: string } | null;
  readonly reserved: { readonly requests: number; readonly tokens: number; readonly usd: string };
}

/** The config of a gateway in front of that provider, with a store, an issuer and two static keys. */
export function budgetConfig(
  provider: up.Upstream,
  sections: Readonly<Record<string, unknown>> = {},
  disconnect: 'cancel' | 'drain' = 'cancel',
): Record<string, unknown> {
  const row = {
    origin: provider.origin,
    keys: [{ id: 'pool-1', key: 'env:TEST_POOL_KEY' }],
    prices: PRICES,
    disconnect,
  };
  return {
    providers: { openai: row, anthropic: row },
    auth: {
      issuers: [{ publicKey: ISSUER.publicKey }],
      staticKeys: [
        { id: 'team-key', key: 'env:TEST_CLIENT_KEY', subject: 'team', tags: { project: 'weir' } },
        { id: 'other-key', key: 'env:OTHER_KEY', subject: 'other' },
      ],
    },
    ops: OPS,
    usage: { holdMs: 60_000 },
    ...sections,
  };
}

export const OTHER_KEY = 'other-9ba51e26a7c1';

export async function startBudgetLab(
  t: Test,
  sections: Readonly<Record<string, unknown>> = {},
  weirOptions: Partial<WeirOptions> & {
    readonly provider?: up.Upstream;
    readonly disconnect?: 'cancel' | 'drain';
  } = {},
): Promise<Lab> {
  const { provider: given, disconnect, ...options } = weirOptions;
  const provider = given ?? (await up.Upstream.start());
  if (given === undefined) t.teardown(() => provider.close());
  const keys = Object.entries(ADMIN_KEYS).map(([role, key]) => [`${role.toUpperCase()}_KEY`, key]);
  const weir = await startWeir(t, {
    config: budgetConfig(provider, sections, disconnect),
    ...options,
    env: {
      TEST_POOL_KEY: POOL_KEY,
      TEST_CLIENT_KEY: CLIENT_KEY,
      OTHER_KEY,
      ...Object.fromEntries(keys),
      ...options.env,
    },
  });
  return new Lab(provider, weir);
}

export function as(key: string): Fields {
  return [['Authorization', `Bearer ${key}`], ...JSON_TYPE];
}

/** A virtual key with a budget of its own. */
export function budgetKey(id: string, budget: object): string {
  const claims = { subject: 'alice', id, expires: new Date(Date.now() + 3_600_000), budget };
  return mintKey(ISSUER.secretKey, claims as Parameters<typeof mintKey>[1]);
}

export function chatBody(members: object = {}): string {
  return JSON.stringify({
    model: 'priced',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'hello' }],
    ...members,
  });
}

export function chat(lab: Lab, key: string, members: object = {}): Promise<Exchanged> {
  return exchange(lab.port, { target: CHAT, fields: as(key), body: chatBody(members) } as RequestParts);
}

/** An answer of so many tokens. */
export function answer(prompt: number, completion: number, model = 'priced'): readonly up.Step[] {
  const usage = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  return up.respond(200, JSON_TYPE, JSON.stringify({ model, choices: [{ finish_reason: 'stop' }], usage }));
}

/** Events of a stream that states its usage in the last one. */
export function events(prompt: number, completion: number): readonly string[] {
  const usage = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  return [
    `data: ${JSON.stringify({ model: 'priced', choices: [{ index: 0, delta: { content: 'word' } }] })}\n\n`,
    `data: ${JSON.stringify({ model: 'priced', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`,
    `data: ${JSON.stringify({ model: 'priced', choices: [], usage })}\n\n`,
    'data: [DONE]\n\n',
  ];
}

export async function budgets(lab: Lab): Promise<readonly BudgetRow[]> {
  const body = json(await ops(lab, 'GET', '/budgets', 'viewer')) as { budgets: readonly BudgetRow[] };
  return body.budgets;
}

export async function account(lab: Lab, of: string, is: string | null = null): Promise<BudgetRow> {
  const found = (await budgets(lab)).find(row => row.of === of && row.is === is);
  if (found === undefined) throw new Error(`no account of ${of} ${is}`);
  return found;
}

/** The account once nothing is reserved on it. */
export async function settled(lab: Lab, of: string, is: string | null = null): Promise<BudgetRow> {
  for (;;) {
    const row = await account(lab, of, is);
    if (row.reserved.requests === 0) return row;
  }
}

/** The fact of the exchange with that request id, as soon as the journal has it. */
export async function factOf(lab: Lab, requestId: string): Promise<Fact> {
  for (;;) {
    const fact = lab.weir.journal().facts.find(one => one.requestId === requestId);
    if (fact !== undefined) return fact;
    await setImmediate();
  }
}
