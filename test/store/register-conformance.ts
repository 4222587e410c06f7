import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import {
  EMPTY_HEAD,
  KEY_STATES,
  type KeyChange,
  type KeyChanged,
  type KeyRecord,
  type Register,
} from '../../lib/store/index.ts';
import type { EngineLab } from './conformance.ts';
import { factText } from './fact-text.ts';
import { must } from './must.ts';
import { AT_MS, draftOf, HOUR_MS, newKey, recordOf } from './register-sample.ts';

type Suite = (lab: EngineLab, t: Test) => Promise<void>;
type MakeLab = (t: Test) => EngineLab | Promise<EngineLab>;

/** What every engine promises of keys on record and of the audit. `makeLab` gives an empty store for each test. */
export async function registerConformance(t: Test, engine: string, makeLab: MakeLab): Promise<void> {
  for (const [name, suite] of Object.entries(SUITES))
    await t.test(`${engine}: ${name}`, async t => suite(await makeLab(t), t));
}

/** The records after a change that has to be made. */
async function change(register: Register, jti: string, what: KeyChange): Promise<readonly KeyRecord[]> {
  const changed = await must(register.changeKey(jti, what, draftOf({ action: what.kind })));
  if (!changed.ok) throw new Error(changed.refused);
  return changed.records;
}

function create(register: Register, jti: string, members = {}): Promise<readonly KeyRecord[]> {
  return change(register, jti, { kind: 'create', key: newKey(jti, members) });
}

function refusalOf(changed: KeyChanged): string | null {
  return changed.ok ? null : changed.refused;
}

async function seqs(register: Register): Promise<readonly number[]> {
  return (await must(register.audit({ limit: 100 }))).entries.map(({ seq }) => seq);
}

const SUITES: Readonly<Record<string, Suite>> = {
  'an empty register has nothing, and an empty chain is whole': async (lab, t) => {
    const { register } = lab.open();
    t.strictSame(await must(register.auditHead()), EMPTY_HEAD);
    t.strictSame(await must(register.verifyAudit(null)), { head: EMPTY_HEAD, broken: null });
    t.strictSame(await must(register.audit({ limit: 10 })), { entries: [], next: null });
    t.strictSame(await must(register.keys({ limit: 10, nowMs: AT_MS })), { keys: [], next: null });
    t.equal(await must(register.key('none')), null);
  },

  'each entry holds the hash of the one before, as anybody can work it out': async (lab, t) => {
    const { register } = lab.open();
    const details = {
      kind: 'subject',
      id: 'ünïcode \u0000 "quoted"',
      count: 3,
      none: null,
      list: [true, 'x'],
    };
    await must(register.record(draftOf({ outcome: 'intended', action: 'POST /deny', details })));
    const head = await must(register.record(draftOf({ requestId: 'r-2' })));
    const { entries } = await must(register.audit({ limit: 10 }));
    t.equal(
      entries[0]!.payload,
      '{"action":"POST /deny","admin":"ann","details":{"count":3,"id":"ünïcode \\u0000 \\"quoted\\"","kind":"subject",' +
        '"list":[true,"x"],"none":null},"outcome":"intended","requestId":"r-1","role":"admin","seq":1,' +
        '"time":"2026-11-21T10:00:00.000Z","v":1}',
    );
    let before = '0'.repeat(64);
    for (const { payload, prevHash, hash } of entries) {
      t.equal(prevHash, before);
      t.equal(hash, createHash('sha256').update(Buffer.from(before, 'hex')).update(payload).digest('hex'));
      before = hash;
    }
    t.strictSame(head, { seq: 2, hash: before });
    t.strictSame(await must(register.auditHead()), head);
    t.strictSame(await must(register.verifyAudit(head)), { head, broken: null });
  },

  'a head that was kept elsewhere tells a chain that was cut or written anew': async (lab, t) => {
    const { register } = lab.open();
    const first = await must(register.record(draftOf()));
    const second = await must(register.record(draftOf()));
    t.equal((await must(register.verifyAudit(first))).broken, null, 'an older head stands as well');
    const later = await must(register.verifyAudit({ seq: 5, hash: second.hash }));
    t.strictSame(later.head, second);
    t.hasStrict(later.broken, {
      seq: 3,
      problem: 'it is not there: the chain ends with 2, and once had 5 entries',
    });
    const other = await must(register.verifyAudit({ seq: 1, hash: second.hash }));
    t.equal(other.broken?.seq, 1);
    t.match(other.broken!.problem, /written anew/);
  },

  'pages of the audit: the last ones, or those behind a place': async (lab, t) => {
    const { register } = lab.open();
    for (let i = 0; i < 5; i++) await must(register.record(draftOf()));
    const page = async (after?: number) => {
      const { entries, next } = await must(
        register.audit({ limit: 2, ...(after === undefined ? {} : { after }) }),
      );
      return [entries.map(({ seq }) => seq), next];
    };
    t.strictSame(await page(), [[4, 5], null]);
    t.strictSame(await page(0), [[1, 2], 2]);
    t.strictSame(await page(2), [[3, 4], 4]);
    t.strictSame(await page(4), [[5], null]);
  },

  'a key comes on record with the entry that tells of it, once': async (lab, t) => {
    const { register } = lab.open();
    const records = await create(register, 'a');
    t.strictSame(records, [recordOf(newKey('a'))]);
    t.strictSame(await must(register.key('a')), records[0]);
    const [entry] = (await must(register.audit({ limit: 1 }))).entries;
    const said = JSON.parse(entry!.payload) as { details: { keys: KeyRecord[] } };
    const { revision: _, lastUsedMs: __, switchedMs: ___, ...audited } = records[0]!;
    t.strictSame(said.details.keys, [audited]);
    const again = await must(register.changeKey('a', { kind: 'create', key: newKey('a') }, draftOf()));
    t.strictSame([refusalOf(again), await seqs(register)], ['taken', [1]], 'nothing of a refusal is written');
  },

  'off, on, and touched; what changes nothing is not told of': async (lab, t) => {
    const { register } = lab.open();
    await create(register, 'a');
    const [off] = await change(register, 'a', { kind: 'disable', atMs: AT_MS + 1 });
    t.hasStrict(off, { disabledMs: AT_MS + 1, switchedMs: AT_MS + 1, revision: 2 });
    const same = await must(register.changeKey('a', { kind: 'disable', atMs: AT_MS + 2 }, draftOf()));
    t.strictSame(same, { ok: true, isChanged: false, records: [off] });
    const [on] = await change(register, 'a', { kind: 'enable', atMs: AT_MS + 3 });
    t.hasStrict(on, { disabledMs: null, switchedMs: AT_MS + 3, revision: 3 });
    const [touched] = await change(register, 'a', { kind: 'touch', atMs: AT_MS + 4, notes: 'still wanted' });
    t.hasStrict(touched, { name: 'laptop', notes: 'still wanted', touchedMs: AT_MS + 4, lastUsedMs: null });
    const [bare] = await change(register, 'a', { kind: 'touch', atMs: AT_MS + 5, name: null });
    t.hasStrict(bare, { name: null, notes: 'still wanted', touchedMs: AT_MS + 5 });
    t.strictSame(await must(register.key('a')), bare);
    t.strictSame(await seqs(register), [1, 2, 3, 4, 5]);
    for (const kind of ['disable', 'enable'] as const)
      t.equal(refusalOf(await must(register.changeKey('b', { kind, atMs: AT_MS }, draftOf()))), 'unknown');
  },

  'a successor takes over name and notes, and both know of each other': async (lab, t) => {
    const { register } = lab.open();
    await create(register, 'a', { notes: 'of alice' });
    const rotate = (successor: string, atMs = AT_MS + 10): KeyChange => ({
      kind: 'rotate',
      atMs,
      endsMs: atMs + HOUR_MS,
      successor: newKey(successor, { name: null, createdMs: atMs }),
    });
    const [old, young] = await change(register, 'a', rotate('b'));
    t.hasStrict(old, { jti: 'a', endsMs: AT_MS + 10 + HOUR_MS, replacedBy: 'b', revision: 2 });
    t.hasStrict(young, { jti: 'b', replaces: 'a', name: 'laptop', notes: 'of alice', revision: 2 });
    t.strictSame([await must(register.key('a')), await must(register.key('b'))], [old, young]);
    const refusal = async (jti: string, what: KeyChange): Promise<string | null> =>
      refusalOf(await must(register.changeKey(jti, what, draftOf())));
    t.equal(await refusal('a', rotate('c')), 'replaced');
    t.equal(await refusal('b', rotate('a')), 'taken');
    t.equal(await refusal('b', rotate('c', AT_MS + 30 * 24 * HOUR_MS)), 'expired');
    t.equal(await refusal('a', { kind: 'enable', atMs: AT_MS + 10 + HOUR_MS }), 'ended');
    await change(register, 'b', { kind: 'disable', atMs: AT_MS + 20 });
    t.equal(await refusal('b', rotate('c')), 'disabled');
    t.equal(await must(register.key('c')), null);
    t.strictSame(await seqs(register), [1, 2, 3]);
  },

  'lists: newest first, by subject, by state, page by page': async (lab, t) => {
    const { register } = lab.open();
    for (const jti of ['active', 'ending', 'ended', 'disabled', 'expired'])
      await create(register, jti, jti === 'expired' ? { expiresMs: AT_MS + 1 } : {});
    await create(register, 'other', { subject: 'bob' });
    for (const [jti, endsMs] of [
      ['ending', AT_MS + 2 * HOUR_MS],
      ['ended', AT_MS + 5],
    ] as const) {
      const successor = newKey(`after-${jti}`, { subject: 'carol' });
      await change(register, jti, { kind: 'rotate', atMs: AT_MS, endsMs, successor });
    }
    await change(register, 'disabled', { kind: 'disable', atMs: AT_MS });
    const nowMs = AT_MS + HOUR_MS;
    const listed = async (query: object): Promise<readonly string[]> =>
      (await must(register.keys({ nowMs, limit: 100, ...query }))).keys.map(({ jti }) => jti);
    for (const state of KEY_STATES) t.strictSame(await listed({ subject: 'alice', state }), [state]);
    t.strictSame(await listed({ state: 'active' }), ['after-ended', 'after-ending', 'other', 'active']);
    t.strictSame(await listed({ subject: 'bob' }), ['other']);
    const found: string[] = [];
    let after: number | null | undefined;
    while (after !== null) {
      const query = { nowMs, limit: 3, ...(after === undefined ? {} : { after }) };
      const page = await must(register.keys(query));
      t.ok(page.keys.length <= 3);
      found.push(...page.keys.map(({ jti }) => jti));
      after = page.next;
    }
    t.strictSame(found, await listed({}));
    const switched = await must(register.switched(0, nowMs, 2));
    t.strictSame(
      switched.map(({ jti }) => jti),
      ['ending', 'ended'],
    );
    const rest = await must(register.switched(switched.at(-1)!.revision, nowMs, 10));
    t.strictSame(
      rest.map(({ jti }) => jti),
      ['disabled'],
    );
    t.strictSame(await must(register.switched(0, AT_MS + 25 * HOUR_MS, 10)), [], 'not of what has expired');
  },

  'facts move the last use forward, and nothing else does': async (lab, t) => {
    const ledger = lab.open();
    const { register } = ledger;
    await create(register, 'a');
    await create(register, 'b');
    const use = (seq: number, minute: number, members = {}): string =>
      factText(seq, {
        keyId: 'a',
        auth: 'virtual',
        time: `2026-11-21T12:0${minute}:00.000Z`,
        ...members,
      });
    const lastUsed = async (jti = 'a'): Promise<string | null> => {
      const { lastUsedMs } = (await must(register.key(jti)))!;
      return lastUsedMs === null ? null : new Date(lastUsedMs).toISOString().slice(11, 16);
    };
    await must(ledger.append([use(1, 2), use(2, 5), use(3, 3)], []));
    t.equal(await lastUsed(), '12:05');
    await must(ledger.append([use(4, 1)], []));
    t.equal(await lastUsed(), '12:05', 'a late fact');
    await must(
      ledger.append(
        [
          use(5, 6, { outcome: 'refused' }),
          use(6, 7, { auth: 'static' }),
          use(7, 8, { kind: 'admin' }),
          use(2, 9),
        ],
        [],
      ),
    );
    t.equal(await lastUsed(), '12:05', 'a refusal, namesakes, a conflict');
    await must(ledger.append([use(8, 9, { outcome: 'lost' })], []));
    t.equal(await lastUsed(), '12:09');
    t.equal(await lastUsed('b'), null);
    await change(register, 'a', { kind: 'disable', atMs: AT_MS });
    t.equal(await lastUsed(), '12:09', 'a change leaves it');
  },

  'two who write at once make one chain': async (lab, t) => {
    const registers = [lab.open().register, lab.open().register];
    await must(registers[0]!.auditHead());
    await Promise.all(
      registers.flatMap((register, who) =>
        Array.from({ length: 10 }, (_, i) => must(register.record(draftOf({ requestId: `${who}-${i}` })))),
      ),
    );
    const { head, broken } = await must(registers[1]!.verifyAudit(null));
    t.strictSame([head.seq, broken], [20, null]);
  },
};
