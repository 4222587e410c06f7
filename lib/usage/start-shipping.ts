import type { Degradation, FactSink, Metric, Warning } from '../pipeline/index.ts';
import { openLedger } from '../store/index.ts';
import { Shipper } from './ship.ts';
import { DirectShipper } from './ship-direct.ts';

/** What brings facts to the store, for as long as a gateway runs. */
export interface Shipping {
  /** Empty where the journal is what is read. */
  readonly sinks: readonly FactSink[];
  readonly metrics: readonly Metric[];
  degraded(): readonly Degradation[];
  /** Facts are being dropped: there is no journal, and the store does not take them. */
  losesFacts(): boolean;
  /** Brings what is left, once. Call it when the journal is closed. */
  close(): Promise<void>;
}

/** `journal` is the journal's folder, null where there is none. A store that is away fails nothing. */
export function startShipping(
  store: `sqlite:${string}`,
  journal: string | null,
  warn: (warning: Warning) => void,
): Shipping {
  const ledger = openLedger(store);
  const shipper =
    journal === null ? new DirectShipper({ ledger, warn }) : new Shipper({ folder: journal, ledger, warn });
  if (shipper instanceof Shipper) shipper.start();
  return {
    sinks: shipper instanceof DirectShipper ? [shipper] : [],
    metrics: shipper.metrics,
    degraded: () => shipper.degraded(),
    losesFacts: () => shipper instanceof DirectShipper && shipper.dropping,
    close: async () => {
      await shipper.close();
      await ledger.close();
    },
  };
}
