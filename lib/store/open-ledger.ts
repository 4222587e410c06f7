import { SqliteLedger } from './engines/sqlite/engine.ts';
import type { Ledger } from './ledger.ts';

export interface LedgerOptions {
  /** Changes nothing, makes nothing: for a look at a store that another process may be writing. */
  readonly readOnly?: boolean;
  /** How long a call waits for another process that writes, in milliseconds. Default 5000. */
  readonly busyMs?: number;
}

/**
 * The ledger at `sqlite:PATH`. Nothing is opened before the first call, and
 * what cannot be opened now is tried again by the next.
 */
export function openLedger(url: `sqlite:${string}`, options: LedgerOptions = {}): Ledger {
  const { readOnly = false, busyMs = 5000 } = options;
  return new SqliteLedger({ file: url.slice('sqlite:'.length), readOnly, busyMs });
}
