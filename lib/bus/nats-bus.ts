import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import type { Bus, KvBucket } from './bus.ts';
import { NatsBucket } from './nats-bucket.ts';
import { NatsLink } from './nats-link.ts';
import type { NatsSettings } from './nats-settings.ts';
import type { BusOptions } from './open-bus.ts';

interface Listener {
  readonly subject: string;
  readonly receive: (payload: Uint8Array) => void;
  subscription: Subscription | null;
}

/** The bus on NATS. */
export class NatsBus implements Bus {
  readonly #options: BusOptions;
  readonly #link: NatsLink;
  readonly #buckets = new Map<string, NatsBucket>();
  readonly #listeners = new Set<Listener>();
  #isPublishFailing = false;

  constructor(settings: NatsSettings, options: BusOptions) {
    this.#options = options;
    this.#link = new NatsLink(settings, options, connection => this.#resubscribe(connection));
  }

  get connected(): boolean {
    return this.#link.connection !== null;
  }

  bucket(name: string): KvBucket {
    const bucket = this.#buckets.get(name) ?? new NatsBucket(name, this.#link, this.#options);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  publish(subject: string, payload: Uint8Array): void {
    const { connection } = this.#link;
    if (connection === null) return;
    try {
      connection.publish(subject, payload);
    } catch (error) {
      if (this.#isPublishFailing || connection.isClosed()) return;
      this.#isPublishFailing = true;
      const message = `A message for ${subject} cannot be published: ${(error as Error).message}.`;
      this.#options.warn({ code: 'bus_publish_failing', message });
    }
  }

  subscribe(subject: string, receive: (payload: Uint8Array) => void): { close(): void } {
    const listener: Listener = { subject, receive, subscription: null };
    this.#listeners.add(listener);
    const { connection } = this.#link;
    if (connection !== null) this.#listen(connection, listener);
    return {
      close: () => {
        this.#listeners.delete(listener);
        listener.subscription?.unsubscribe();
      },
    };
  }

  async close(): Promise<void> {
    for (const { subscription } of this.#listeners) subscription?.unsubscribe();
    this.#listeners.clear();
    await Promise.all([...this.#buckets.values()].map(bucket => bucket.close()));
    await this.#link.close();
  }

  #resubscribe(connection: NatsConnection): void {
    for (const listener of this.#listeners) this.#listen(connection, listener);
  }

  #listen(connection: NatsConnection, listener: Listener): void {
    listener.subscription = connection.subscribe(listener.subject, {
      callback: (error, message) => {
        if (error === null && this.#listeners.has(listener)) this.#deliver(listener, message.data);
      },
    });
  }

  /** What a receiver throws is its own mistake; it must not end the connection for all others. */
  #deliver({ subject, receive }: Listener, payload: Uint8Array): void {
    try {
      receive(payload);
    } catch (error) {
      const message = `a receiver of ${subject} threw: ${(error as Error).message}`;
      this.#options.warn({ code: 'internal', message });
    }
  }
}
