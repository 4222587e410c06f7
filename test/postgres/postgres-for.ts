import type { Test } from 'tap';
import { PostgresServer, postgresMissing } from './postgres-server.ts';

/** A server for all tests of a file, or the end of it, with the reason, where there can be none. */
export async function postgresFor(t: Test): Promise<PostgresServer> {
  const skip = postgresMissing();
  if (skip !== false) {
    t.plan(0, skip);
    process.exit(0);
  }
  t.setTimeout(170_000);
  return PostgresServer.start(t);
}
