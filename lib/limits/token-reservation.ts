import { ADD_MAX } from '../base/index.ts';
import type { Exchange, Operation } from '../pipeline/index.ts';
import type { Counted } from './dimension.ts';

/** JSON and prose have about four bytes to a token. */
const BYTES_PER_TOKEN = 4;
/** A streamed token comes in an event of its own: more than this only where several share one. */
const STREAMED_BYTES_PER_TOKEN = 200;
/** What a request is taken to ask for that does not say how much the model may answer. */
export const OUTPUT_TOKENS_UNSTATED = 1024;

/** Operations whose answer is not made of tokens. */
export const WITHOUT_OUTPUT: ReadonlySet<Operation> = new Set([
  'embedding',
  'rerank',
  'moderation',
  'speech',
  'count_tokens',
  'models',
  'files',
  'batches',
]);
/** Operations whose request says nothing of tokens by its size. */
const WITHOUT_INPUT: ReadonlySet<Operation> = new Set(['transcription', 'count_tokens', 'files', 'batches']);

/** What a request is expected to cost, before anybody knows. */
export interface Expected {
  readonly input: number;
  readonly output: number;
}

/** Tokens that a request is likely to cost: by its size, and by what it lets the model answer. */
export function expectedTokens(exchange: Exchange): Expected {
  const { method } = exchange.req;
  const { operation } = exchange.endpoint!;
  if (method === 'GET' || method === 'HEAD' || method === 'DELETE' || method === 'OPTIONS')
    return { input: 0, output: 0 };
  return {
    input: WITHOUT_INPUT.has(operation) ? 0 : Math.ceil(bodyBytes(exchange) / BYTES_PER_TOKEN),
    output: WITHOUT_OUTPUT.has(operation) ? 0 : statedOutput(exchange.maxOutputTokens),
  };
}

/** What has been read of the body, or how long it says to be. */
function bodyBytes({ req, requestBytes }: Exchange): number {
  const declared = Number(req.headers['content-length'] ?? 0);
  return Math.max(requestBytes, Number.isFinite(declared) ? declared : 0);
}

function statedOutput(stated: number | null): number {
  return stated !== null && stated > 0 ? Math.ceil(stated) : OUTPUT_TOKENS_UNSTATED;
}

/** Tokens counted for a request before it is sent, and what becomes of them when it is over. */
export class TokenReservation {
  readonly #expected: Expected;
  readonly #parts: { readonly counted: Counted; readonly tokens: number }[] = [];

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  /** What is reserved under a limit: never more than an empty window has. */
  tokensUnder(limit: number): number {
    return Math.min(this.#expected.input + this.#expected.output, limit, ADD_MAX);
  }

  holds(counted: Counted, tokens: number): void {
    this.#parts.push({ counted, tokens });
  }

  /** All of it back: the request is refused. */
  release(): void {
    for (const { counted } of this.#parts.splice(0)) counted.become(0);
  }

  settle(exchange: Exchange): void {
    for (const { counted, tokens } of this.#parts) {
      const input = Math.min(this.#expected.input, tokens);
      counted.become(spentTokens(exchange, { input, output: tokens - input }));
    }
  }
}

/** What an exchange has cost, as far as its provider said so; otherwise what is fair to assume. */
export function spentTokens(exchange: Exchange, reserved: Expected): number {
  const { usage, outcome, dispatchedMs, status } = exchange;
  if (dispatchedMs === null) return 0;
  const input = usage?.inputTokens ?? null;
  const output = usage?.outputTokens ?? null;
  if (outcome !== 'complete') return (input ?? reserved.input) + deliveredOutput(exchange, output, reserved);
  const isStated = input !== null || output !== null;
  // An error of the provider's that states no usage has cost none.
  if (!isStated && status !== null && status >= 400) return 0;
  return (input ?? reserved.input) + (output ?? reserved.output);
}

/**
 * Of an answer that was broken off: who leaves before its usage is stated has
 * had what was delivered, and of that only the size is known.
 */
function deliveredOutput(exchange: Exchange, stated: number | null, reserved: Expected): number {
  const { responseBytes, outcome, status, answerEnded } = exchange;
  // The bytes of an error are none of the model's, whoever worded it.
  if (responseBytes === 0 || outcome === 'upstreamFailed' || status === null || status >= 400)
    return stated ?? 0;
  // It is final, although the client had left.
  if (answerEnded && stated !== null) return stated;
  return Math.max(stated ?? reserved.output, Math.ceil(responseBytes / STREAMED_BYTES_PER_TOKEN));
}
