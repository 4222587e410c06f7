export { FaultProxy } from './fault-proxy.ts';
export { PASSWORD, PostgresServer, postgresMissing } from './postgres-server.ts';
export { sessionAt, untilOneWaits } from './sessions.ts';
