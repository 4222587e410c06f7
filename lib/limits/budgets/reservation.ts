import type { Exchange, Operation, Price } from '../../pipeline/index.ts';
import { usdNanos } from '../../pipeline/index.ts';
import { WITHOUT_OUTPUT } from '../token-reservation.ts';
import type { BodyBound } from './body-reading.ts';
import type { BudgetSettings } from './settings.ts';

/** More than any model gives; what a request says beyond it is a slip, or meant to break the sums. */
const TOKENS_MAX = 1_000_000_000_000;
/** The most that a fact can state. */
export const NANOS_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** Operations whose request is not read by a model, or not now. */
const WITHOUT_INPUT: ReadonlySet<Operation> = new Set(['count_tokens', 'models', 'files', 'batches']);
/** Operations that no price of a model is for: what they cost nobody says. */
const WITHOUT_PRICE: ReadonlySet<Operation> = new Set(['batches', 'realtime', 'other']);
/** Operations that cost nothing. */
const FREE: ReadonlySet<Operation> = new Set(['count_tokens', 'models', 'files']);

/** What an exchange may use, as far as tokens go. */
export interface Reserved {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly hasMedia: boolean;
  /** USD × 10⁹; null where the price is not known and nothing is held for it. */
  readonly nanos: bigint | null;
  readonly price: Price | null;
}

/** Reading and deleting run no model. */
export function runsModel({ req, endpoint }: Exchange): boolean {
  const { method } = req;
  if (method === 'GET' || method === 'HEAD' || method === 'DELETE' || method === 'OPTIONS') return false;
  return !WITHOUT_INPUT.has(endpoint!.operation);
}

/** Whether nothing is owed for such a request, whatever it is about. */
export function isFree({ req, endpoint }: Exchange): boolean {
  return (
    FREE.has(endpoint!.operation) || (req.method !== 'POST' && req.method !== 'PUT' && req.method !== 'PATCH')
  );
}

/** The price of the model that is asked for, or null. */
export function priceOf({ provider, modelRequested }: Exchange): Price | null {
  return modelRequested === null ? null : provider!.prices.find(modelRequested);
}

/**
 * The bound of an exchange (docs/guides/budgets.md): input by the bytes of the
 * text, and configured amounts for what is no text; output by what the request,
 * else the model, else the config says, for each answer asked for.
 */
export function reservationOf(exchange: Exchange, bound: BodyBound, settings: BudgetSettings): Reserved {
  const price = bound.hasOtherModel ? null : priceOf(exchange);
  const { inputTokens, outputTokens } = tokensOf(exchange, bound, settings, price);
  const { hasMedia } = bound;
  const size = { inputTokens, outputTokens, hasMedia, price };
  if (isFree(exchange)) return { ...size, nanos: 0n };
  if (price === null || WITHOUT_PRICE.has(exchange.endpoint!.operation))
    return { ...size, nanos: held(settings) };
  const nanos = price.boundNanos({ inputTokens, outputTokens, hasMedia });
  return { ...size, nanos: nanos > NANOS_MAX ? NANOS_MAX : nanos };
}

function tokensOf(
  exchange: Exchange,
  bound: BodyBound,
  settings: BudgetSettings,
  price: Price | null,
): { readonly inputTokens: number; readonly outputTokens: number } {
  if (!runsModel(exchange)) return { inputTokens: 0, outputTokens: 0 };
  const input =
    bound.textBytes +
    bound.images * settings.reserveImageTokens +
    bound.files * settings.reserveFileTokens +
    bound.references * settings.reserveReferenceTokens;
  const usual = price?.maxOutputTokens ?? settings.reserveOutputTokens;
  const stated = bound.outputTokens ?? usual;
  const each = bound.mayAnswerMore ? Math.max(stated, usual) : stated;
  const output = WITHOUT_OUTPUT.has(exchange.endpoint!.operation) ? 0 : each * bound.answers;
  return { inputTokens: Math.min(input, TOKENS_MAX), outputTokens: Math.min(output, TOKENS_MAX) };
}

function held({ unknownCost, unknownCostUsd }: BudgetSettings): bigint | null {
  return unknownCost === 'hold' ? usdNanos(unknownCostUsd) : null;
}
