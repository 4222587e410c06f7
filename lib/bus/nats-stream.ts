import { JetStreamApiError, type JetStreamClient, jetstream } from '@nats-io/jetstream';
import { errors, type NatsConnection, nanos } from '@nats-io/transport-node';
import { managerOf } from './bucket-state.ts';
import { BusError } from './bus.ts';
import { explainFault, rootOf } from './explain-fault.ts';
import type { MessageStream, StreamMessage } from './message-stream.ts';
import { NatsLink } from './nats-link.ts';
import type { NatsStreamSettings } from './nats-settings.ts';
import type { BusOptions } from './open-bus.ts';
import { unlessStopped, withTimeLimit } from './wait.ts';

/** Messages that may be on their way unacknowledged. */
const WINDOW = 256;
const CONNECT_MS = 5000;
const ACK_MS = 5000;
/** For how long a server that makes the stream for us knows ids. The server's own default is two minutes. */
const DUPLICATE_WINDOW_MS = 10 * 60_000;

/** JetStream's codes for "expected stream does not match" and "stream name already in use". */
const OTHER_STREAM = 10060;
const NAME_IN_USE = 10058;

/** A stream on a link of its own. */
export class NatsStream implements MessageStream {
  readonly #settings: NatsStreamSettings;
  readonly #link: NatsLink;

  constructor(settings: NatsStreamSettings, options: BusOptions) {
    this.#settings = settings;
    this.#link = new NatsLink(settings, options, () => {});
  }

  async append(messages: readonly StreamMessage[], signal: AbortSignal): Promise<void> {
    const connection = await unlessStopped(
      withTimeLimit(this.#link.connected(), CONNECT_MS, () => null),
      signal,
    );
    if (connection === null) throw new BusError(`NATS is not connected (${this.#link.reason})`);
    const client = jetstream(connection, { timeout: ACK_MS, checkAPI: false });
    for (let at = 0; at < messages.length; at += WINDOW) {
      if (signal.aborted) throw new BusError('given up');
      await this.#appendWindow(connection, client, messages.slice(at, at + WINDOW));
    }
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  async #appendWindow(
    connection: NatsConnection,
    client: JetStreamClient,
    window: readonly StreamMessage[],
  ): Promise<void> {
    const fault = await this.#publishAll(connection, client, window);
    if (fault === null) return;
    if (!isWithoutStream(fault)) throw this.#explained(fault);
    await this.#create(connection);
    const second = await this.#publishAll(connection, client, window);
    if (second !== null) throw this.#explained(second);
  }

  /** The first fault, or null when all are acknowledged. Nothing is under way any more in either case. */
  async #publishAll(
    connection: NatsConnection,
    client: JetStreamClient,
    window: readonly StreamMessage[],
  ): Promise<Error | null> {
    const { stream, subject } = this.#settings;
    const bytesMax = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const publish = async ({ id, payload }: StreamMessage): Promise<void> => {
      const bytes = Buffer.byteLength(payload);
      if (bytes > bytesMax)
        throw new BusError(`${id} has ${bytes} bytes, and the server's max_payload is ${bytesMax}`);
      await client.publish(subject, payload, { msgID: id, expect: { streamName: stream }, timeout: ACK_MS });
    };
    const settled = await Promise.allSettled(window.map(publish));
    const failed = settled.find(result => result.status === 'rejected');
    return failed === undefined ? null : (failed.reason as Error);
  }

  async #create(connection: NatsConnection): Promise<void> {
    const { stream, subject } = this.#settings;
    try {
      const manager = await managerOf(connection, ACK_MS);
      await manager.streams.add({
        name: stream,
        subjects: [subject],
        duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      });
    } catch (error) {
      if (codeOf(error) === NAME_IN_USE)
        throw new BusError(`the stream ${stream} does not hold ${subject}, or is not ready yet`, {
          cause: error,
        });
      const how = `nats stream add ${stream} --subjects ${subject} --dupe-window ${DUPLICATE_WINDOW_MS / 60_000}m --defaults`;
      const why = explainFault(error, stream);
      throw new BusError(`no stream holds ${subject}, and making one failed: ${why}; ${how}`, {
        cause: error,
      });
    }
  }

  #explained(error: Error): BusError {
    const { stream, subject } = this.#settings;
    if (codeOf(error) === OTHER_STREAM)
      return new BusError(`${subject} belongs to another stream than ${stream}`, { cause: error });
    return new BusError(explainFault(error, stream), { cause: error });
  }
}

function codeOf(error: unknown): number | null {
  const cause = rootOf(error);
  return cause instanceof JetStreamApiError ? cause.code : null;
}

function isWithoutStream(error: Error): boolean {
  return rootOf(error) instanceof errors.NoRespondersError;
}
