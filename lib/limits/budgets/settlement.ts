import { ERRORS, type ErrorCode } from '../../errors/index.ts';
import type { Cost, Exchange } from '../../pipeline/index.ts';
import type { Reserved } from './reservation.ts';

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
  const { usage, outcome, status, responseBytes } = exchange;
  if (!reachedProvider(exchange)) return RELEASED;
  const stated = { input: usage?.inputTokens ?? null, output: usage?.outputTokens ?? null };
  const isStated = stated.input !== null || stated.output !== null || cost.costNanos !== null;
  const isAnswered = outcome === 'complete' && status !== null && status < 400;
  if (isAnswered) {
    const inputTokens = stated.input ?? reserved.inputTokens;
    const outputTokens = stated.output ?? reserved.outputTokens;
    return priced({ inputTokens, outputTokens }, reserved, cost, true);
  }
  const isDelivered =
    outcome !== 'complete' && outcome !== 'upstreamFailed' && responseBytes > 0 && !isError(status);
  if (!isStated && !isDelivered) return RELEASED;
  const delivered = isDelivered ? Math.ceil(responseBytes / BYTES_PER_TOKEN) : 0;
  return priced(
    {
      inputTokens: stated.input ?? (isDelivered ? reserved.inputTokens : 0),
      outputTokens: Math.max(stated.output ?? 0, Math.min(delivered, reserved.outputTokens)),
    },
    reserved,
    cost,
    outcome === 'complete',
  );
}

function isError(status: number | null): boolean {
  return status === null || status >= 400;
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
  return { tokens, nanos: known !== null && known > least ? known : least };
}
