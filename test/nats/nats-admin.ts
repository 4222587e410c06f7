import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Bucket, type KV, Kvm } from '@nats-io/kv';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';

/** What operators do to a NATS server, by another client than the one under test. */
export class NatsAdmin {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly #kvm: Kvm;

  private constructor(connection: NatsConnection, manager: JetStreamManager) {
    this.connection = connection;
    this.manager = manager;
    this.#kvm = new Kvm(jetstream(connection));
  }

  static async connect(url: string, options: NodeConnectionOptions): Promise<NatsAdmin> {
    const connection = await connect({
      servers: url,
      reconnectTimeWait: 100,
      maxReconnectAttempts: -1,
      ...options,
    });
    return new NatsAdmin(connection, await jetstreamManager(connection));
  }

  createBucket(name: string, history = 1): Promise<KV> {
    return this.#kvm.create(name, { history });
  }

  bucket(name: string): Promise<KV> {
    return this.#kvm.open(name);
  }

  async deleteBucket(name: string): Promise<void> {
    await this.manager.streams.delete(`KV_${name}`);
  }

  /** Removes writes without leaving any: of one key, or of all. */
  async purge(bucket: string, key?: string): Promise<void> {
    const stream = `KV_${bucket}`;
    if (key === undefined) await this.manager.streams.purge(stream);
    else await this.manager.streams.purge(stream, { filter: `$KV.${bucket}.${key}` });
  }

  /** Purges the marks that deleted keys leave, however young. */
  async forgetDeleted(name: string): Promise<void> {
    const bucket = await this.#kvm.open(name);
    if (bucket instanceof Bucket) await bucket.purgeDeletes(0);
    else throw new Error('the client has another kind of bucket');
  }

  /** The live keys with their values as text, as a plain reader sees them. */
  async content(name: string): Promise<Map<string, string>> {
    const content = new Map<string, string>();
    const bucket = await this.bucket(name);
    const watch = await bucket.history();
    for await (const entry of watch) {
      if (entry.operation === 'PUT') content.set(entry.key, entry.string());
      else content.delete(entry.key);
    }
    return content;
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
