import type { Usage, UsageReading } from '../../pipeline/index.ts';
import { fieldValue } from '../../wire/index.ts';
import {
  CONTENT_EVENT,
  lastWord,
  MESSAGE_TEXT,
  MessageCounts,
  messageColumns,
  publishIterations,
} from '../anthropic/messages-usage.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { type SplitColumns, SplitCounts } from '../split-counts.ts';
import { statedCount, statedWord } from '../stated.ts';

const LIST = new PointerList();
/** Asks the scanner for the payload inside a `chunk` event: it comes as a document of its own. */
LIST.column('/bytes');

const MESSAGE = messageColumns(LIST);

/** The bodies of the other model families, by the names each uses. */
const NATIVE: SplitColumns = {
  input: LIST.columns('', [
    'usage/inputTokens',
    'metadata/usage/inputTokens',
    'usage/prompt_tokens',
    'prompt_token_count',
    'inputTextTokenCount',
  ]),
  output: LIST.columns('', [
    'usage/outputTokens',
    'metadata/usage/outputTokens',
    'usage/completion_tokens',
    'generation_token_count',
    'totalOutputTextTokenCount',
    'results/0/tokenCount',
  ]),
  cacheRead: LIST.columns('', [
    'usage/cacheReadInputTokenCount',
    'usage/cacheReadInputTokens',
    'metadata/usage/cacheReadInputTokenCount',
    'metadata/usage/cacheReadInputTokens',
  ]),
  cacheWrite: LIST.columns('', [
    'usage/cacheWriteInputTokenCount',
    'usage/cacheWriteInputTokens',
    'metadata/usage/cacheWriteInputTokenCount',
    'metadata/usage/cacheWriteInputTokens',
  ]),
};

const STOP_REASONS: readonly number[] = [
  ...LIST.columns('', [
    'stopReason',
    'messageStop/stopReason',
    'completionReason',
    'results/0/completionReason',
    'outputs/0/stop_reason',
    'choices/0/stop_reason',
    'choices/0/finish_reason',
    'generations/0/finish_reason',
    'finish_reason',
  ]),
  ...MESSAGE.stopReasons,
];

const METRICS_PREFIX = '/amazon-bedrock-invocationMetrics';
const METRICS: SplitColumns = {
  input: LIST.columns(METRICS_PREFIX, ['inputTokenCount']),
  output: LIST.columns(METRICS_PREFIX, ['outputTokenCount']),
  cacheRead: LIST.columns(METRICS_PREFIX, ['cacheReadInputTokenCount']),
  cacheWrite: LIST.columns(METRICS_PREFIX, ['cacheWriteInputTokenCount']),
};

const DIGITS = /^\d{1,13}$/;

/** A count in a response header. */
function headerCount(raw: readonly string[], side: string, usage: Usage): number | null {
  const value = fieldValue(raw, `x-amzn-bedrock-${side}-token-count`);
  return statedCount(value !== null && DIGITS.test(value) ? Number(value) : value, usage);
}

/**
 * A body of whatever family the model is of. What the model itself says comes
 * first, then the service's own metrics at the end of a stream, then its
 * response headers: some families state nothing in the body. Each side of the
 * count is taken whole from one of them.
 */
class InvokeFold extends Fold {
  readonly #message = new MessageCounts();
  readonly #native = new SplitCounts();
  readonly #metrics = new SplitCounts();
  readonly #header = new SplitCounts();

  override headers(raw: readonly string[]): void {
    const header = this.#header;
    header.input = headerCount(raw, 'input', this.usage);
    header.output = headerCount(raw, 'output', this.usage);
    header.cacheRead = headerCount(raw, 'cache-read-input', this.usage);
    header.cacheWrite = headerCount(raw, 'cache-write-input', this.usage);
    this.#publish();
  }

  document(values: readonly unknown[], event: string | null): void {
    const usage = this.usage;
    const type = statedWord(values[MESSAGE.type]);
    if (type === CONTENT_EVENT) return;
    usage.modelServed = lastWord(values, MESSAGE.models) ?? usage.modelServed;
    const reason = lastWord(values, STOP_REASONS);
    if (reason !== null) usage.finishReason = reason;
    if (reason !== null || type === 'message_stop' || type === 'error') this.ended = true;
    if (event?.endsWith('Exception') === true) this.ended = true;
    this.#message.takeMessage(values, MESSAGE, usage);
    this.#native.take(values, NATIVE, usage);
    this.#metrics.take(values, METRICS, usage);
    this.#publish();
    publishIterations(values, MESSAGE, usage);
  }

  #publish(): void {
    const usage = this.usage;
    this.#message.publishMessage(usage);
    const sources = [this.#message, this.#native, this.#metrics, this.#header];
    sources.find(source => source.input !== null)?.publishInput(usage);
    usage.outputTokens = sources.find(source => source.output !== null)?.output ?? null;
  }
}

export const INVOKE_READING: UsageReading = usageReading(LIST, () => new InvokeFold(), [
  ...MESSAGE_TEXT,
  '/generation',
  '/outputText',
  '/outputs/0/text',
  '/contentBlockDelta/delta/text',
]);
