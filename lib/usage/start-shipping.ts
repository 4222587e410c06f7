import type { Ledger } from '../store/index.ts';
import type { ReadingPart, UsageHouse, UsagePart } from './part.ts';
import { Shipper } from './ship.ts';
import { DirectShipper } from './ship-direct.ts';

export type Shipping = ReadingPart & Required<Pick<UsagePart, 'caughtUp'>>;

/** Brings facts to the store: from the journal where there is one. A store that is away fails nothing. */
export function startShipping(ledger: Ledger, { house, journal, flushed }: UsageHouse): Shipping {
  const warn: typeof house.warn = warning => house.warn(warning);
  if (journal === null) {
    const shipper = new DirectShipper({ ledger, warn });
    return {
      readers: [],
      sinks: [shipper],
      metrics: shipper.metrics,
      degraded: () => shipper.degraded(),
      caughtUp: () => shipper.caughtUp(),
      losesFacts: () => shipper.dropping,
      close: () => shipper.close(),
    };
  }
  const shipper = new Shipper({ folder: journal, ledger, warn });
  shipper.start();
  return {
    readers: [shipper],
    metrics: shipper.metrics,
    degraded: () => shipper.degraded(),
    caughtUp: async () => flushed !== null && (await flushed()) && shipper.caughtUp(),
    close: () => shipper.close(),
  };
}
