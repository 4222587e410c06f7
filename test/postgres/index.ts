export { FaultProxy } from './fault-proxy.ts';
export { PostgresServer, postgresMissing } from './postgres-server.ts';
