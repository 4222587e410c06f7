import type { ErrorCode } from './codes.ts';

/** What the answer says beside its row. */
export interface RefusalWords {
  readonly message?: string;
  readonly fields?: readonly string[];
}

const NO_FIELDS: readonly string[] = Object.freeze([]);

/**
 * An expected refusal, returned and never thrown. Stages hand it back; the
 * proxy answers it in the client's dialect and settles a fact with its code.
 */
export class Refusal {
  readonly code: ErrorCode;
  /** Seconds for `retry-after`, 1…3600, or 0 for none. */
  readonly retryAfterSeconds: number;
  /** More for the operator's log, never for the client. */
  readonly detail: string | null;
  /** Public, in the place of the row's message: which of its cases it is. Null for the row's own. */
  readonly message: string | null;
  /** Header fields of the answer, as flat name, value pairs. */
  readonly fields: readonly string[];

  constructor(
    code: ErrorCode,
    detail: string | null = null,
    retryAfterSeconds = 0,
    { message, fields = NO_FIELDS }: RefusalWords = {},
  ) {
    this.code = code;
    this.detail = detail;
    this.message = message ?? null;
    this.fields = fields;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
