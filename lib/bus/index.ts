export {
  type Bus,
  BusError,
  KV_VALUE_BYTES_MAX,
  type KvBucket,
  type KvCursor,
  type KvEntry,
  type KvFollowing,
  type KvSink,
  OVERSIZED,
} from './bus.ts';
export type { MessageStream, StreamMessage } from './message-stream.ts';
export {
  type NatsFault,
  type NatsSettings,
  type NatsStreamSettings,
  natsFaults,
  natsSchema,
  natsStreamSchema,
} from './nats-settings.ts';
export { type BusOptions, openBus } from './open-bus.ts';
export { openStream } from './open-stream.ts';
