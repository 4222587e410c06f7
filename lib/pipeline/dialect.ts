import type { ErrorRow } from '../errors/index.ts';
import type { PointerSet } from '../wire/index.ts';
import type { UsageReading } from './usage.ts';

/** What a call does, whatever the dialect (CONTRACT §3). Grants name these. */
export const OPERATIONS = [
  'chat',
  'completion',
  'embedding',
  'rerank',
  'moderation',
  'image',
  'speech',
  'transcription',
  'count_tokens',
  'models',
  'realtime',
  'files',
  'batches',
  'other',
] as const;

export type Operation = (typeof OPERATIONS)[number];

/** Operations that a grant without an `operations` list allows. */
export const DEFAULT_OPERATIONS: ReadonlySet<Operation> = new Set(
  OPERATIONS.filter(name => name !== 'files' && name !== 'batches' && name !== 'other'),
);

/** What an endpoint keeps at the provider, under an id that only the same account's keys lead to. */
export interface StoredState {
  /** Of an answer: those of the usage reading first, so that one scan serves both. */
  readonly pointers: PointerSet;
  /** The columns from this one on hold ids of what was stored; none where it is their number. */
  readonly firstId: number;
  /** Members of a request, at any depth, that name something stored: an id, a list of ids or an object with an `id`. */
  readonly references: ReadonlySet<string>;
}

/** One API of a dialect: the row a request path resolves to. */
export interface Endpoint {
  /** The fact's `dialect`: `openai-chat`, `anthropic`, `bedrock-converse`, … */
  readonly name: string;
  /** The dialect family it belongs to: `openai`, `anthropic`, … */
  readonly family: string;
  readonly operation: Operation;
  /** How a request asks for a stream: body `stream: true`, absent means true, by its path, or never. */
  readonly streams: 'body' | 'bodyDefaultTrue' | 'path' | 'never';
  /** The model when the path names it, decoded once; otherwise null and it is in the body. */
  readonly pathModel: string | null;
  /** Where a request may state the most output tokens of one answer, and how many answers, as JSON pointers of names alone. Nothing else is heeded there. */
  readonly outputLimits: readonly string[];
  readonly answerCounts: readonly string[];
  /** Where a request may hold a list of prompts, each of which gets so many answers. */
  readonly answerLists: readonly string[];
  /** `stream_options.include_usage` exists here (OpenAI chat and completions). */
  readonly includeUsageOption: boolean;
  /** A stream always ends with an event of its own, so a close-delimited body without it is truncated. */
  readonly mandatoryEnd: boolean;
  /** Null where the answers never state usage. */
  readonly usage: UsageReading | null;
  /** Null where nothing is stored and nothing stored can be named. */
  readonly state: StoredState | null;
}

/** The error answer of a dialect: header pairs and body text. */
export interface ErrorShape {
  readonly headers: readonly string[];
  readonly body: string;
}

/** A wire language: its endpoints by path and how it words an error. */
export interface Dialect {
  readonly family: string;
  /**
   * The endpoint of a request, or null where this family knows no such path.
   * `segments` are the path segments after the provider, each decoded once.
   */
  match(method: string, segments: readonly string[]): Endpoint | null;
  error(row: ErrorRow, requestId: string): ErrorShape;
}
