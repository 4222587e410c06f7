import type { Exchange } from '../pipeline/index.ts';

/** Gives back all that an exchange took. One that throws is a bug, and must not keep the others. */
export function endLeases(exchange: Exchange, reportBug: (error: unknown) => void): void {
  for (const lease of exchange.leases ?? []) {
    try {
      lease.end(exchange);
    } catch (error) {
      reportBug(error);
    }
  }
}
