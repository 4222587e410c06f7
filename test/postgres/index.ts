export { FaultProxy } from './fault-proxy.ts';
export { postgresFor } from './postgres-for.ts';
export { PASSWORD, PostgresServer, postgresMissing } from './postgres-server.ts';
export { sessionAt, untilOneWaits } from './sessions.ts';
