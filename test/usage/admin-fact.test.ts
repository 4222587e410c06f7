import t from 'tap';
import { newIssuer } from '../../lib/keys/token/mint.ts';
import { type AdminCall, adminFact, recordedOf, recordedPath } from '../../lib/usage/admin-fact.ts';
import { journalLine, readLine } from '../../lib/usage/journal-line.ts';

const ID = 'box:00000000000000aa:7';
const { secretKey } = newIssuer();
const KEY = 'weir_v4.public.eyJzdWIiOiJhIn0.eyJraWQiOiJiIn0';

function call(members: Partial<AdminCall> = {}): AdminCall {
  return {
    admin: 'ops-1',
    role: 'admin',
    method: 'POST',
    path: '/deny',
    requestId: 'weir-1',
    params: {},
    body: undefined,
    ...members,
  };
}

t.test('a journal knows its line for a fact', async t => {
  const line = journalLine(adminFact(ID, call(), 1_700_000_000_000));
  t.match(readLine(Buffer.from(line.trimEnd())), { kind: 'fact', origin: 'box:00000000000000aa', seq: 7 });
});

t.test('no key and no secret is kept, wherever it was written', async t => {
  for (const secret of [secretKey, KEY, `k4.local.${'a'.repeat(43)}`]) {
    const inBody = call({ body: { subject: secret, reason: `it was ${secret}`, id: 'alice' } });
    t.strictSame(recordedOf(inBody), { id: 'alice' });
    const inPath = call({ path: `/keys/${encodeURIComponent(secret)}/disable`, params: { jti: secret } });
    t.notOk(JSON.stringify(adminFact(ID, inPath, 0)).includes(secret));
    t.equal(recordedPath(inPath), '/keys/[key]/disable');
  }
});

t.test('what is no character is kept as the sign for that', async t => {
  const reason = `${'a'.repeat(255)}\u{1F600}`;
  const { tags } = adminFact(ID, call({ body: { reason, subject: 'x\0\uD83D' } }), 0);
  t.strictSame(tags, { reason: `${'a'.repeat(255)}\uFFFD`, subject: 'x\uFFFD\uFFFD', role: 'admin' });
});
