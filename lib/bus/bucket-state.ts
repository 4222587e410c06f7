import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { KV_VALUE_BYTES_MAX } from './bus.ts';

/** What the server says of a bucket. */
export interface BucketState {
  /** As the server writes it. */
  readonly created: string;
  /** The last write's, 0 where there was none. Deletions count. */
  readonly revision: number;
  /** Keys that have a write, be it a deletion. */
  readonly keys: number;
  /** It holds one write per key: then the same keys at the same revision are the same content. */
  readonly isPlain: boolean;
}

/** The stream under a bucket. */
export function streamOf(bucket: string): string {
  return `KV_${bucket}`;
}

/** JetStream's administration, without asking first whether it is there. */
export function managerOf(connection: NatsConnection, timeoutMs: number): Promise<JetStreamManager> {
  return jetstreamManager(connection, { checkAPI: false, timeout: timeoutMs });
}

/** Null where there is no such bucket. */
export async function readState(manager: JetStreamManager, bucket: string): Promise<BucketState | null> {
  try {
    const { created, config, state } = await manager.streams.info(streamOf(bucket));
    return {
      created: String(created),
      revision: state.last_seq,
      // Not the number of messages: while a key is written anew, both its writes are counted for a moment.
      keys: state.num_subjects ?? 0,
      isPlain: config.max_msgs_per_subject === 1,
    };
  } catch (error) {
    const isAbsent = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
    if (isAbsent) return null;
    throw error;
  }
}

/** Makes it, on disk, with one value per key, none longer than is read. One that somebody else made meanwhile will do. */
export async function createBucket(
  connection: NatsConnection,
  bucket: string,
  timeoutMs: number,
): Promise<void> {
  const client = jetstream(connection, { timeout: timeoutMs, checkAPI: false });
  await new Kvm(client).create(bucket, { history: 1, maxValueSize: KV_VALUE_BYTES_MAX });
}
