import type { Exchange } from '../pipeline/index.ts';
import type { BodySink } from '../wire/index.ts';
import { textTokens } from './text-tokens.ts';

/**
 * Counts what the model wrote in the documents of an answer and hands these
 * on. Each with text in it is a token at least: no provider sends less in an event.
 */
export class TextSink implements BodySink {
  readonly #exchange: Exchange;
  readonly #sink: BodySink;
  readonly #firstText: number;

  /** @param firstText the columns from this one on hold text. */
  constructor(exchange: Exchange, sink: BodySink, firstText: number) {
    this.#exchange = exchange;
    this.#sink = sink;
    this.#firstText = firstText;
  }

  document(values: readonly unknown[], event: string | null): void {
    let tokens = 0;
    for (let i = this.#firstText; i < values.length; i++) tokens += tokensOf(values[i]);
    if (tokens > 0) this.#exchange.answerTokens += Math.max(1, tokens);
    this.#sink.document(values, event);
  }

  text(data: string): void {
    this.#sink.text(data);
  }
}

/** Members that say what the others are. */
const LABELS: ReadonlySet<string> = new Set(['type', 'id']);

/** Of parts of a text and of calls their strings count, not the frame around them. */
function tokensOf(value: unknown): number {
  if (typeof value === 'string') return value === '' ? 0 : textTokens(value);
  if (typeof value !== 'object' || value === null) return 0;
  let tokens = 0;
  for (const [name, member] of Object.entries(value)) if (!LABELS.has(name)) tokens += tokensOf(member);
  return tokens;
}
