import { Refusal } from '../errors/index.ts';
import {
  BUDGET_SPANS,
  type Budget,
  DEFAULT_OPERATIONS,
  type Exchange,
  type Grant,
  OPERATIONS,
  type Stage,
  type StageResult,
  usdNanos,
} from '../pipeline/index.ts';
import { AddressSet } from '../wire/index.ts';
import { compileModelPatterns } from './model-patterns.ts';
import { needsWholeBody } from './model-stage.ts';
import type { KeyBudget, KeyGrant } from './token/claims.ts';

/** What a key may do, as a signed key or the config states it (CONTRACT §3). */
export type GrantSettings = KeyGrant;

const names = { type: 'array', items: { type: 'string', minLength: 1, maxLength: 256 }, uniqueItems: true };
const count = { type: 'integer', minimum: 1, maximum: 1_000_000_000_000 };

export const grantSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    providers: names,
    models: names,
    operations: { type: 'array', items: { enum: [...OPERATIONS] }, uniqueItems: true },
    ips: names,
    rpm: count,
    tpm: count,
    concurrency: count,
    bodyBytes: { bytes: true, minimum: 1, maximum: 17_179_869_184 },
    budget: {
      type: 'object',
      additionalProperties: false,
      required: ['per'],
      properties: {
        usd: {
          type: ['number', 'string'],
          exclusiveMinimum: 0,
          pattern: '^[0-9]{1,10}(?:\\.[0-9]{1,9})?$',
          expects: 'USD such as 25 or "0.50"',
        },
        tokens: count,
        requests: count,
        per: { enum: [...BUDGET_SPANS] },
      },
    },
  },
} as const;

/** An absent list means the default set, an empty one means nothing (CONTRACT §3). */
export function compileGrant(settings: GrantSettings): Grant {
  const { providers, models, operations, ips } = settings;
  return Object.freeze({
    providers: providers === undefined ? null : new Set(providers),
    operations: operations === undefined ? DEFAULT_OPERATIONS : new Set(operations),
    models: models === undefined ? null : compileModelPatterns(models),
    addresses: ips === undefined ? null : new AddressSet(ips),
    rpm: settings.rpm ?? null,
    tpm: settings.tpm ?? null,
    concurrency: settings.concurrency ?? null,
    bodyBytes: settings.bodyBytes ?? null,
    budget: settings.budget === undefined ? null : compileBudget(settings.budget),
  });
}

function compileBudget({ usd, tokens, requests, per }: KeyBudget): Budget {
  return Object.freeze({
    requests: requests ?? null,
    tokens: tokens ?? null,
    nanos: usd === undefined ? null : usdNanos(usd),
    per,
  });
}

/** Provider, operation and address of a request against the grant of its key. What the body says is judged later. */
export class GrantStage implements Stage {
  readonly name = 'grant';
  readonly phase = 'authorize';

  run(exchange: Exchange): StageResult {
    const { grant } = exchange.principal!;
    if (grant === null) return undefined;
    const provider = exchange.provider!.name;
    if (grant.providers !== null && !grant.providers.has(provider))
      return new Refusal('not_granted', `provider ${provider}`);
    const { operation } = exchange.endpoint!;
    if (!grant.operations.has(operation)) return new Refusal('not_granted', `operation ${operation}`);
    const { address } = exchange;
    if (grant.addresses !== null && (address === '' || !grant.addresses.has(address)))
      return new Refusal('not_granted', `address ${address || 'unknown'}`);
    exchange.needsWholeBody = grant.models !== null && needsWholeBody(exchange);
    return undefined;
  }
}
