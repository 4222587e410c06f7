import type { ErrorCode } from './codes.ts';

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

  constructor(code: ErrorCode, detail: string | null = null, retryAfterSeconds = 0) {
    this.code = code;
    this.detail = detail;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
