export {
  type Bus,
  BusError,
  type KvBucket,
  type KvCursor,
  type KvEntry,
  type KvFollowing,
  type KvSink,
} from './bus.ts';
export { type NatsFault, type NatsSettings, natsFaults, natsSchema } from './nats-settings.ts';
export { type BusOptions, openBus } from './open-bus.ts';
