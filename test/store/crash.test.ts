import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { openLedger } from '../../lib/store/index.ts';
import { within } from '../deadline/index.ts';
import { PostgresServer, postgresMissing } from '../postgres/index.ts';
import { must } from './must.ts';

const WRITER = join(import.meta.dirname, 'endless-writer.ts');

/** Lets a writer go on for a number of batches, then kills it. The last number it was told is stored. */
async function writeAndKill(url: string, first: number, batches: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, url, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  let acknowledged = 0;
  let seen = 0;
  for await (const line of createInterface(child.stdout)) {
    acknowledged = Number(line);
    if (++seen === batches) child.kill('SIGKILL');
  }
  await exit;
  return acknowledged;
}

/** `atRest` waits for what a killed writer may have set going elsewhere. */
async function checkKills(t: Test, url: string, atRest: () => Promise<void>): Promise<void> {
  let facts = 0;
  for (const batches of [1, 7, 40, 3]) {
    const acknowledged = await within(writeAndKill(url, facts + 1, batches), 'a killed writer', 60_000);
    await within(atRest(), 'the sessions of the killed writer to end');
    const ledger = openLedger(url);
    const health = await must(ledger.check());
    const position = (await must(ledger.cursors('test'))).get('p');
    await ledger.close();
    t.ok(acknowledged >= facts + batches * 10, `${acknowledged} acknowledged`);
    t.ok(health.facts >= acknowledged, `${health.facts} found`);
    t.equal(health.facts % 10, 0, 'batches are there whole or not at all');
    t.equal(position, health.facts, 'the cursor is where the facts end');
    t.hasStrict(health, { wrongSums: 0, conflicts: 0 });
    facts = health.facts;
  }
}

t.test('what was acknowledged survives kill -9, with its sums and its cursor', async t => {
  await checkKills(t, `sqlite:${join(t.testdir(), 'weir.db')}`, async () => {});
});

t.test('the same in PostgreSQL', { skip: postgresMissing() }, async t => {
  const server = await PostgresServer.start(t);
  const database = await server.database();
  const sessions = `SELECT FROM pg_stat_activity WHERE datname = '${database}'`;
  await checkKills(t, server.url(database), async () => {
    while ((await server.sql('postgres', sessions)).length > 0);
  });
});
