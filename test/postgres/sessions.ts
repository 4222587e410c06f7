import { Client } from 'pg';
import type { Test } from 'tap';
import { within } from '../deadline/index.ts';
import type { PostgresServer } from './postgres-server.ts';

/** A session beside those under test. */
export async function sessionAt(t: Test, server: PostgresServer, database: string): Promise<Client> {
  const client = new Client({ connectionString: server.url(database) });
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

/** Lets other sessions go on until one of them waits for a lock. */
export async function untilOneWaits(server: PostgresServer, database: string): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity WHERE datname = '${database}' AND wait_event_type = 'Lock'`;
  const look = async (): Promise<void> => {
    while ((await server.sql('postgres', waiting)).length === 0);
  };
  await within(look(), 'a session that waits for a lock');
}
