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
export { type NatsFault, type NatsSettings, natsFaults, natsSchema } from './nats-settings.ts';
export { type BusOptions, openBus } from './open-bus.ts';
