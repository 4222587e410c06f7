import { type Exchange, type Fact, type Operation, type PricedUsage, Usage } from '../pipeline/index.ts';

/** Counts of which some are estimated. */
export interface Estimate {
  /** For the fact. */
  readonly usage: Usage;
  /** For the price: without a count that is known to be too low. */
  readonly priced: PricedUsage;
  readonly note: Extract<Fact['usageNote'], `${string}Estimated`>;
}

/** A request is text with little around it, an answer that is no stream likewise. */
const BYTES_PER_TOKEN = 4;

const WITH_OUTPUT: ReadonlySet<Operation> = new Set(['chat', 'completion']);
/** Calls that are charged by the text that goes in. */
const WITH_INPUT: ReadonlySet<Operation> = new Set([...WITH_OUTPUT, 'embedding']);

/** Tokens of a request by its text, or null where that is not known or not what counts. */
export function requestTokens({ endpoint, requestText }: Exchange): number | null {
  const bytes = requestText?.bytes;
  if (bytes === undefined || endpoint === null || !WITH_INPUT.has(endpoint.operation)) return null;
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

/**
 * Fills in what the provider would have stated of an exchange that was cut, or
 * never states: null where nothing is missing, or nothing is there to go by.
 * What a provider refused, failed at, or broke off before a word of it came is
 * not estimated: nobody charges for it.
 */
export function estimateUsage(exchange: Exchange): Estimate | null {
  if (!isCharged(exchange)) return null;
  const { usage: stated, outcome, answerEnded } = exchange;
  const isFinal = outcome === 'complete' || answerEnded;
  const input = stated?.inputTokens == null ? requestTokens(exchange) : null;
  const output = stated?.outputTokens == null || !isFinal ? answerTokens(exchange) : null;
  if (input === null && output === null) return null;
  const usage = Object.assign(new Usage(), stated);
  if (input !== null) usage.inputTokens = input;
  // What was stated on the way is a part of what came since.
  if (output !== null) usage.outputTokens = Math.max(output, usage.outputTokens ?? 0);
  const priced = output === null && !isFinal ? { ...usage, outputTokens: null } : usage;
  const note = input === null ? 'outputEstimated' : output === null ? 'inputEstimated' : 'bothEstimated';
  return { usage, priced, note };
}

/** Input and output tokens together, as the fact of a finished exchange will state them. */
export function usedTokens(exchange: Exchange, estimates: boolean): number {
  const usage = (estimates ? estimateUsage(exchange)?.usage : null) ?? exchange.usage;
  return (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0);
}

function isCharged(exchange: Exchange): boolean {
  const { endpoint, usage, status, outcome, attempts, req } = exchange;
  if (endpoint === null || !WITH_INPUT.has(endpoint.operation)) return false;
  if (attempts === 0 || !req.complete || usage?.invalid === true) return false;
  if (status !== null && (status < 200 || status > 299)) return false;
  switch (outcome) {
    case 'complete':
    case 'clientAborted':
    case 'drainCut':
      return true;
    case 'upstreamTruncated':
      return answerTokens(exchange) !== null;
    default:
      return false;
  }
}

/** Tokens of what came of an answer, or null where nothing did or could be read. */
function answerTokens({
  endpoint,
  answerTokens,
  responseBytes,
  streamed,
  tapGaveUp,
}: Exchange): number | null {
  if (tapGaveUp || !WITH_OUTPUT.has(endpoint!.operation)) return null;
  if (answerTokens > 0) return Math.ceil(answerTokens);
  return streamed || responseBytes === 0 ? null : Math.ceil(responseBytes / BYTES_PER_TOKEN);
}
