import type { Ledger } from '../store/index.ts';
import type { ReadingPart, UsageHouse } from './part.ts';
import { Shipper } from './ship.ts';
import { DirectShipper } from './ship-direct.ts';

export interface Shipping extends ReadingPart {
  /** Whether all that this instance settled has reached the store, up to a moment ago. */
  isCurrent(): boolean;
}

/** Brings facts to the store: from the journal where there is one. A store that is away fails nothing. */
export function startShipping(ledger: Ledger, { house, journal }: UsageHouse): Shipping {
  const warn: typeof house.warn = warning => house.warn(warning);
  if (journal === null) {
    const shipper = new DirectShipper({ ledger, warn });
    return {
      readers: [],
      sinks: [shipper],
      metrics: shipper.metrics,
      degraded: () => shipper.degraded(),
      losesFacts: () => shipper.dropping,
      isCurrent: () => shipper.isCurrent,
      close: () => shipper.close(),
    };
  }
  const shipper = new Shipper({ folder: journal, ledger, warn });
  shipper.start();
  return {
    readers: [shipper],
    isCurrent: () => shipper.isCurrent,
    metrics: shipper.metrics,
    degraded: () => shipper.degraded(),
    close: () => shipper.close(),
  };
}
