export { NatsAdmin } from './nats-admin.ts';
export { NatsServer, type NatsServerOptions, type NatsUser, natsMissing } from './nats-server.ts';
