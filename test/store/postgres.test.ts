import t, { type Test } from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { type Ledger, type LedgerOptions, openLedger } from '../../lib/store/index.ts';
import { PostgresServer, postgresMissing } from '../postgres/index.ts';
import { conformance } from './conformance.ts';
import { factOf, factText, factTexts } from './fact-text.ts';
import { must, problemOf } from './must.ts';

t.test('PostgreSQL', { skip: postgresMissing() }, async t => {
  const server = await PostgresServer.start(t);

  function openAt(t: Test, database: string, options?: LedgerOptions): Ledger {
    const ledger = openLedger(new Secret(server.url(database)), options);
    t.teardown(() => ledger.close());
    return ledger;
  }

  await conformance(t, 'postgres', async t => {
    const database = await server.database();
    return { open: () => openAt(t, database) };
  });
});
