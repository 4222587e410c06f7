import type { Test } from 'tap';
import { type Clock, systemClock } from '../../lib/base/index.ts';
import { type Bus, type NatsSettings, openBus } from '../../lib/bus/index.ts';
import { Changes } from '../deadline/index.ts';

/** A bus under test and what it warned of. */
export interface TestBus {
  readonly bus: Bus;
  readonly warnings: { readonly code: string; readonly message: string }[];
  readonly changes: Changes;
  /** Waits for a warning. */
  warned(code: string): Promise<string>;
  /** Waits until it is connected, by asking for something. */
  connected(): Promise<void>;
}

/** Opens a bus that is closed when the test ends. */
export async function openTestBus(
  t: Test,
  settings: Partial<NatsSettings> & { servers: readonly string[] },
  clock: Clock = systemClock,
): Promise<TestBus> {
  const warnings: { readonly code: string; readonly message: string }[] = [];
  const changes = new Changes();
  const bus = await openBus(
    { bucket: 'unused', ...settings },
    {
      name: 'weir-test',
      clock,
      warn: warning => {
        warnings.push(warning);
        changes.notify();
      },
    },
  );
  t.teardown(() => bus.close());
  return {
    bus,
    warnings,
    changes,
    warned: async code =>
      (await changes.until(() => warnings.find(warning => warning.code === code), `the warning ${code}`))
        .message,
    connected: async () => {
      await bus
        .bucket('probe')
        .get('x')
        .catch(() => {});
      if (!bus.connected) throw new Error('the bus did not connect');
    },
  };
}
