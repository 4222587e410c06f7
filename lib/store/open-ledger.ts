import { Secret } from '../base/index.ts';
import { PostgresLedger } from './engines/postgres/engine.ts';
import { SqliteLedger } from './engines/sqlite/engine.ts';
import type { Ledger } from './ledger.ts';
import { revealed, type StoreUrl, sqliteFile } from './store-url.ts';

export interface LedgerOptions {
  /** Changes nothing, makes nothing: for a look at a store that another process may be writing. */
  readonly readOnly?: boolean;
  /** How long a call waits for another process that writes, and for a connection, in milliseconds. Default 5000. */
  readonly busyMs?: number;
  /** How long a server may take for one call, in milliseconds; forty times that to check or to rebuild. Default 15000. */
  readonly timeoutMs?: number;
}

/**
 * The ledger at a URL that `storeUrlFault` finds no fault with. Nothing is
 * opened before the first call, and what cannot be opened now is tried again by
 * the next.
 */
export function openLedger(url: StoreUrl, options: LedgerOptions = {}): Ledger {
  const { readOnly = false, busyMs = 5000, timeoutMs = 15_000 } = options;
  const text = revealed(url);
  const file = sqliteFile(text);
  if (file !== null) return new SqliteLedger({ file, readOnly, busyMs });
  return new PostgresLedger({ url: new Secret(text), readOnly, busyMs, timeoutMs });
}
