import type { Clock } from '../base/index.ts';
import type { Bus } from './bus.ts';
import type { NatsSettings } from './nats-settings.ts';

/** What a bus needs besides the address. */
export interface BusOptions {
  /** How the connection calls itself to the server's operators. */
  readonly name: string;
  readonly clock: Clock;
  /**
   * Told once per outage (`bus_unreachable`, or `bus_refused` where the server
   * turns us away) and once at its end (`bus_recovered`); also when a bucket
   * cannot be followed (`bus_bucket_failing`, at its end `bus_bucket_recovered`)
   * and, once per subject, when the server forbids one or a message is too
   * large (`bus_forbidden`, `bus_publish_failing`). `internal`: a receiver threw.
   */
  warn(warning: { readonly code: string; readonly message: string }): void;
}

/**
 * Opens a bus on NATS. Only now is the NATS client loaded. Does not wait for a
 * server, and does not fail for one that is down.
 */
export async function openBus(settings: NatsSettings, options: BusOptions): Promise<Bus> {
  const { NatsBus } = await import('./nats-bus.ts');
  return new NatsBus(settings, options);
}
