import { Refusal } from '../errors/index.ts';
import { DEFAULT_OPERATIONS, type Exchange, OPERATIONS, type Operation } from '../pipeline/index.ts';

/** What a key may do. Null is "everything" for providers and the default set for operations. */
export interface Grant {
  readonly providers: ReadonlySet<string> | null;
  readonly operations: ReadonlySet<Operation>;
}

export interface GrantSettings {
  readonly providers?: readonly string[];
  readonly operations?: readonly Operation[];
}

export const grantSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    providers: { type: 'array', items: { type: 'string' }, uniqueItems: true },
    operations: { type: 'array', items: { enum: [...OPERATIONS] }, uniqueItems: true },
  },
} as const;

/** An absent list means the default set, an empty one means nothing (CONTRACT §3). */
export function compileGrant(settings: GrantSettings | undefined): Grant {
  return {
    providers: settings?.providers === undefined ? null : new Set(settings.providers),
    operations: settings?.operations === undefined ? DEFAULT_OPERATIONS : new Set(settings.operations),
  };
}

/** Judges provider and operation of an exchange. */
export function checkGrant(grant: Grant, exchange: Exchange): Refusal | undefined {
  const provider = exchange.provider!.name;
  if (grant.providers !== null && !grant.providers.has(provider))
    return new Refusal('not_granted', `provider ${provider}`);
  const { operation } = exchange.endpoint!;
  return grant.operations.has(operation) ? undefined : new Refusal('not_granted', `operation ${operation}`);
}
