import type { MessageStream } from './message-stream.ts';
import type { NatsStreamSettings } from './nats-settings.ts';
import type { BusOptions } from './open-bus.ts';

/**
 * Opens a stream on NATS, on a connection of its own. Only now is the NATS
 * client loaded. Does not wait for a server, and does not fail for one that is down.
 */
export async function openStream(settings: NatsStreamSettings, options: BusOptions): Promise<MessageStream> {
  const { NatsStream } = await import('./nats-stream.ts');
  return new NatsStream(settings, options);
}
