import { constants } from 'node:os';
import { EXIT, type SignalSource } from './io.ts';

/** The part of a gateway that ends it. */
export interface Stoppable {
  /** Lets running exchanges finish. Without an option the settings' own value counts. */
  close(options?: { readonly lameDuckMs?: number }): Promise<void>;
  /** Ends everything at once. */
  closeNow(): void;
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const SIGNAL_STATUS_BASE = 128;

/**
 * Waits for SIGTERM or SIGINT, then lets the gateway drain: SIGTERM with its
 * lame duck (a load balancer must notice first), SIGINT without. Resolves to 0
 * when all has drained; a second signal ends at once, with 128 + its number
 * (130, 143) as shells say it.
 */
export function untilStopped(
  gateway: Stoppable,
  signals: SignalSource,
  say: (line: string) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const listeners = STOP_SIGNALS.map(signal => ({ signal, listener: () => stop(signal) }));
    const finish = (status: number): void => {
      for (const { signal, listener } of listeners) signals.off(signal, listener);
      resolve(status);
    };
    const stop = (signal: (typeof STOP_SIGNALS)[number]): void => {
      if (stopping) {
        gateway.closeNow();
        finish(SIGNAL_STATUS_BASE + constants.signals[signal]);
        return;
      }
      stopping = true;
      const again = signal === 'SIGINT' ? 'Ctrl-C' : 'the signal';
      say(`Draining: running requests may finish. Send ${again} again to end at once.`);
      gateway.close(signal === 'SIGINT' ? { lameDuckMs: 0 } : {}).then(() => finish(EXIT.ok), reject);
    };
    for (const { signal, listener } of listeners) signals.on(signal, listener);
  });
}
