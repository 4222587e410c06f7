import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Exchange, Fact } from '../../lib/pipeline/index.ts';
import { adminFact } from '../../lib/usage/admin-fact.ts';
import { checkJournal } from '../../lib/usage/journal-check.ts';
import { JournalClaim } from '../../lib/usage/journal-claim.ts';
import { sealedLine } from '../../lib/usage/journal-line.ts';
import { openRecordOf } from '../../lib/usage/open-record.ts';
import { readJournal } from '../process/index.ts';
import {
  BOOT,
  CLAIM,
  cutJournal,
  factLineOf,
  idOf,
  journalFolder,
  openLineOf,
  recover,
  SEGMENT,
} from './sample-journal.ts';

const LOST_SEGMENT = `here-${BOOT}-0-1.ndjson`;

function lostIds(folder: string): readonly string[] {
  return readJournal(folder)
    .facts.filter(({ outcome }) => outcome === 'lost')
    .map(({ id }) => id);
}

t.test(
  'an exchange that was begun and not settled becomes lost, once, over any number of starts',
  async t => {
    const folder = journalFolder(t);
    cutJournal(folder, [openLineOf(1), openLineOf(2), factLineOf(1), openLineOf(4), factLineOf(3)].join(''));
    t.match(await recover(folder), [{ code: 'journal_unfinished', message: /2 exchanges/ }]);
    t.strictSame(lostIds(folder), [idOf(2), idOf(4)]);
    t.strictSame(readdirSync(folder).sort(), [SEGMENT, LOST_SEGMENT]);
    for (let start = 0; start < 2; start++) t.strictSame(await recover(folder), [], 'nothing is left to do');
    writeFileSync(join(folder, CLAIM), '');
    t.strictSame(await recover(folder), [], 'nor where only the claim came back');
    t.strictSame(lostIds(folder), [idOf(2), idOf(4)]);
    t.match(await checkJournal(folder), { ok: true, boots: [{ facts: 4, lost: 2, open: 0, unused: 0 }] });
  },
);

t.test('a lost fact has every member that a fact has, and the words of its exchange', async t => {
  const exchange = {
    id: idOf(1),
    startedWallMs: Date.UTC(2026, 0, 2),
    startedMs: 10,
    dispatchedMs: 14.6,
    requestId: 'r',
    principal: {
      subject: 'ada',
      keyId: 'k',
      auth: 'virtual',
      tags: { __proto__x: '1', team: 'é"\n' },
      managed: true,
    },
    provider: { name: 'openai' },
    endpoint: { name: 'openai-chat', operation: 'chat' },
    req: { method: 'POST' },
    target: { path: '/openai/v1/x' },
    poolKey: { id: 'pool-1' },
    modelRequested: 'm',
    streamRequested: true,
    attempts: 1,
    requestBytes: 7,
    usage: null,
  } as unknown as Exchange;
  const folder = journalFolder(t);
  cutJournal(folder, sealedLine(JSON.stringify(openRecordOf(exchange, null))));
  await recover(folder);
  const [lost] = readJournal(folder).facts;
  const { crc: _, ...members } = lost as Fact & { crc: string };
  const call = {
    admin: 'a',
    role: 'admin',
    method: 'POST',
    path: '/',
    requestId: 'r',
    params: {},
    body: null,
  };
  t.strictSame(Object.keys(members).sort(), Object.keys(adminFact('x', call, 0)).sort());
  t.hasStrict(lost, {
    id: idOf(1),
    time: '2026-01-02T00:00:00.000Z',
    subject: 'ada',
    tags: { __proto__x: '1', team: 'é"\n' },
    poolKey: 'pool-1',
    stream: true,
    queueMs: 5,
    requestBytes: 7,
    outcome: 'lost',
    inputTokens: null,
    usageSource: 'none',
  });
});

t.test(
  'a recovery cut off at any byte is done again: each lost fact is whole in the journal once',
  async t => {
    const folder = journalFolder(t);
    const cut = [1, 2, 3].map(openLineOf).join('');
    cutJournal(folder, cut);
    await recover(folder);
    const { length } = readFileSync(join(folder, LOST_SEGMENT));
    for (let at = 0; at < length; at += 7) {
      cutJournal(folder, cut);
      await recover(folder);
      truncateSync(join(folder, LOST_SEGMENT), at);
      writeFileSync(join(folder, CLAIM), '');
      await recover(folder);
      t.strictSame([...lostIds(folder)].sort(), [1, 2, 3].map(idOf), `cut at ${at}`);
    }
  },
);

t.test('damage is counted and told', async t => {
  const folder = journalFolder(t);
  const changed = factLineOf(2).replace('complete', 'Complete');
  const other = sealedLine(JSON.stringify({ v: 1, id: idOf(1), outcome: 'refused' }));
  cutJournal(
    folder,
    `${factLineOf(1)}${changed}${factLineOf(1)}${other}${openLineOf(3)}${openLineOf(5).slice(0, -9)}`,
  );
  const [warning] = await recover(folder);
  t.match(warning!.message, /1 exchanges .* 1 torn ends, 1 broken lines and 2 repeated facts/);
  t.strictSame(lostIds(folder), [idOf(3)]);
  t.match(await checkJournal(folder), {
    ok: false,
    boots: [{ facts: 2, lost: 1, torn: 1, broken: 1, repeated: 1, conflicts: 1, unused: 1 }],
  });
});

t.test('what another process still writes is left alone, and what ended well leaves no claim', async t => {
  const folder = journalFolder(t);
  const claim = await JournalClaim.create(folder, { instance: 'here', boot: BOOT });
  t.equal(claim.isHeld, true);
  writeFileSync(join(folder, SEGMENT), openLineOf(1));
  t.strictSame(await recover(folder), []);
  t.strictSame(lostIds(folder), []);
  t.match(await checkJournal(folder), { ok: true, boots: [{ ended: false, open: 1 }] });
  t.equal(await JournalClaim.seize(join(folder, CLAIM)), 'held');
  t.strictSame(await recover(folder, BOOT), [], 'nor its own');
  claim.leave();
  await recover(folder);
  t.strictSame(lostIds(folder), [idOf(1)]);
  const ended = await JournalClaim.create(folder, { instance: 'here', boot: BOOT });
  ended.settle();
  t.strictSame(readdirSync(folder).sort(), [SEGMENT, LOST_SEGMENT]);
});

t.test('two starts at once recover a run once', async t => {
  const folder = journalFolder(t);
  cutJournal(folder, [1, 2, 3].map(openLineOf).join(''));
  const warnings = await Promise.all([recover(folder), recover(folder, 'bb'), recover(folder, 'cc')]);
  t.equal(warnings.flat().length, 1);
  t.strictSame(lostIds(folder), [1, 2, 3].map(idOf));
});

t.test('a folder that cannot be read is told, and stops nothing', async t => {
  t.match(await recover('/nowhere/at/all'), [{ code: 'journal_recovery_failed' }]);
});
