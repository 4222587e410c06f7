import { ERRORS, type ErrorCode } from '../../errors/index.ts';
import type { Cost, Exchange } from '../../pipeline/index.ts';
import { NANOS_MAX, type Reserved } from './reservation.ts';

/** A token has about four bytes of text, and an answer has more bytes than its text. */
const BYTES_PER_TOKEN = 4;

/** What an exchange that had a reservation is charged. */
export interface Settled {
  readonly tokens: number;
  readonly nanos: bigint;
}

const RELEASED: Settled = Object.freeze({ tokens: 0, nanos: 0n });

interface Counts {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/**
 * What becomes of a reservation (docs/guides/budgets.md has the same table).
 * What never reached the provider is released, and so is what was broken off
 * before anything came back. What is stated is charged; of a whole answer that
 * states nothing the reservation stays.
 */
export function settle(exchange: Exchange, reserved: Reserved, cost: Cost): Settled {
  if (!reachedProvider(exchange)) return RELEASED;
  const { usage, outcome, status } = exchange;
  const stated = { input: usage?.inputTokens ?? null, output: usage?.outputTokens ?? null };
  if (outcome === 'complete' && isSuccess(status)) {
    const inputTokens = stated.input ?? reserved.inputTokens;
    const outputTokens = hasFinalOutput(exchange)
      ? stated.output!
      : Math.max(stated.output ?? 0, reserved.outputTokens);
    return priced({ inputTokens, outputTokens }, reserved, cost, true);
  }
  return settlePart(exchange, reserved, cost, stated);
}

/** Of what did not come whole, or is no success. */
function settlePart(
  exchange: Exchange,
  reserved: Reserved,
  cost: Cost,
  stated: { readonly input: number | null; readonly output: number | null },
): Settled {
  const { outcome, status, responseBytes } = exchange;
  const isStated = stated.input !== null || stated.output !== null || cost.costNanos !== null;
  const isDelivered =
    outcome !== 'complete' && outcome !== 'upstreamFailed' && responseBytes > 0 && isSuccess(status);
  if (!isStated && !isDelivered) return RELEASED;
  const inputTokens = stated.input ?? (isDelivered ? reserved.inputTokens : 0);
  if (isDelivered && exchange.answerEnded && hasFinalOutput(exchange))
    return priced({ inputTokens, outputTokens: stated.output! }, reserved, cost, true);
  const delivered = isDelivered ? Math.ceil(responseBytes / BYTES_PER_TOKEN) : 0;
  const outputTokens = Math.max(stated.output ?? 0, Math.min(delivered, reserved.outputTokens));
  return priced({ inputTokens, outputTokens }, reserved, cost, false);
}

function isSuccess(status: number | null): boolean {
  return status !== null && status >= 200 && status <= 299;
}

/** Of an answer that came to its end: what it states of its output is all of it. */
function hasFinalOutput({ usage, tapGaveUp }: Exchange): boolean {
  return usage !== null && usage.outputTokens !== null && !usage.invalid && !tapGaveUp;
}

/** Dispatched, and not failed before the request could leave. */
function reachedProvider({ attempts, errorCode, usage }: Exchange): boolean {
  if (attempts === 0) return false;
  const row = ERRORS.get(errorCode as ErrorCode);
  return row?.retry !== 'unsentOnly' || usage !== null;
}

/**
 * The cost on record where it is of the whole answer; else what these counts
 * cost at most, since of a part nobody says how it is billed. Without a price
 * what was held stays.
 */
function priced(counts: Counts, reserved: Reserved, cost: Cost, isWhole: boolean): Settled {
  const tokens = counts.inputTokens + counts.outputTokens;
  const known = cost.costNanos === null ? null : BigInt(cost.costNanos);
  if (known !== null && (isWhole || cost.costSource === 'provider')) return { tokens, nanos: known };
  const { price, hasMedia } = reserved;
  const bound = price === null ? (reserved.nanos ?? 0n) : price.boundNanos({ ...counts, hasMedia });
  const least = isWhole && reserved.nanos !== null && reserved.nanos > bound ? reserved.nanos : bound;
  const nanos = known !== null && known > least ? known : least;
  // More than a fact can state is a slip of the provider's.
  return { tokens, nanos: nanos > NANOS_MAX ? NANOS_MAX : nanos };
}
