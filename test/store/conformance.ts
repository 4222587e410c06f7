import type { Test } from 'tap';
import type { FactPage, Ledger, SpentScope, SummaryQuery, SummaryRow } from '../../lib/store/index.ts';
import { factOf, factText, factTexts } from './fact-text.ts';
import { must } from './must.ts';

/** An engine under test. */
export interface EngineLab {
  /** Opens the ledger of one test; a second call opens it once more, as another process would. */
  open(): Ledger;
}

type Suite = (lab: EngineLab, t: Test) => Promise<void>;
type MakeLab = (t: Test) => EngineLab | Promise<EngineLab>;

const HOUR_MS = 3_600_000;
const at = (time: string): number => Date.parse(time);

/** What every engine promises. `makeLab` gives an empty store for each test. */
export async function conformance(t: Test, engine: string, makeLab: MakeLab): Promise<void> {
  for (const [name, suite] of Object.entries(SUITES))
    await t.test(`${engine}: ${name}`, async t => suite(await makeLab(t), t));
}

const SUITES: Readonly<Record<string, Suite>> = {
  'a fact is there once, however often it is appended': async (lab, t) => {
    const ledger = lab.open();
    const batch = factTexts(1, 3);
    const none = { conflicts: 0, invalid: 0, ignored: 0 };
    t.strictSame(await must(ledger.append(batch, [])), { ...none, added: 3, duplicates: 0 });
    t.strictSame(await must(ledger.append([...batch, factText(4)], [])), {
      ...none,
      added: 1,
      duplicates: 3,
    });
    t.strictSame(await must(ledger.append([factText(5), factText(5)], [])), {
      ...none,
      added: 1,
      duplicates: 1,
    });
    t.equal((await must(ledger.check())).facts, 5);
    const page = await must(ledger.facts({ limit: 10 }));
    t.strictSame(page, { facts: factTexts(1, 5), next: null });
  },

  'the same id with another payload is kept aside, and the first stands': async (lab, t) => {
    const ledger = lab.open();
    await must(ledger.append([factText(1, { inputTokens: 10 })], []));
    const other = factText(1, { inputTokens: 11 });
    t.equal((await must(ledger.append([other], []))).conflicts, 1);
    t.equal((await must(ledger.append([other, factText(2)], []))).conflicts, 1, 'and the batch goes on');
    t.strictSame((await must(ledger.facts({ limit: 10 }))).facts, factTexts(1, 2));
    t.equal((await total(ledger))!.inputTokens, 20);
    const aside = await must(ledger.aside(10));
    t.strictSame(
      aside.map(({ reason, id, text }) => ({ reason, id, text })),
      [{ reason: 'conflict', id: 'box:00000000000000aa:1', text: other }],
      'once',
    );
    t.equal((await must(ledger.check())).conflicts, 1);
  },

  'what cannot be counted is kept aside, what is no fact is left out': async (lab, t) => {
    const ledger = lab.open();
    const bad = [
      '{"v":1,',
      'null',
      JSON.stringify({ ...factOf(1), id: '' }),
      JSON.stringify({ ...factOf(2), time: 'yesterday' }),
      JSON.stringify({ ...factOf(3), inputTokens: '10' }),
      JSON.stringify({ ...factOf(4), inputTokens: -1 }),
      JSON.stringify({ ...factOf(5), costNanos: 2 ** 60 }),
      JSON.stringify({ ...factOf(6), outcome: 'unheard of' }),
      JSON.stringify({ ...factOf(7), v: 2 }),
    ];
    const open = JSON.stringify({
      v: 1,
      open: true,
      id: 'box:00000000000000aa:8',
      tags: { outcome: 'complete' },
    });
    t.strictSame(await must(ledger.append([...bad, open, factText(9)], [])), {
      added: 1,
      duplicates: 0,
      conflicts: 0,
      invalid: bad.length,
      ignored: 1,
    });
    const aside = await must(ledger.aside(100));
    t.strictSame(aside.map(({ text }) => text).sort(), bad.sort());
    t.ok(aside.every(({ reason }) => reason === 'invalid'));
  },

  'what was charged is summed by scope and time': async (lab, t) => {
    const ledger = lab.open();
    const late = { time: '2026-11-20T11:30:00.000Z' };
    const other = { time: '2026-10-31T23:59:59.999Z', subject: 'bob', keyId: 'key-2', provider: 'other' };
    await must(
      ledger.append(
        [
          factText(1, { tags: { team: 'a', site: 'x' } }),
          factText(2, { ...late, tags: { team: 'b' }, chargedTokens: 700, chargedNanos: 5 }),
          factText(3, { ...other, tags: { team: 'a' }, inputTokens: null, costNanos: null }),
          factText(4, {
            outcome: 'refused',
            attempts: 0,
            inputTokens: null,
            outputTokens: null,
            costNanos: null,
          }),
          factText(5, { ...late, outcome: 'clientAborted', chargedTokens: 0, chargedNanos: 0 }),
          factText(6, { kind: 'admin', tags: { team: 'a' } }),
        ],
        [],
      ),
    );
    const spent = async (scope: SpentScope, span: object = {}): Promise<string> => {
      const query = { scope, sinceMs: 0, untilMs: null, except: [], ...span };
      const { requests, tokens, costNanos } = await must(ledger.spent(query));
      return `${requests} ${tokens} ${costNanos}`;
    };
    t.equal(await spent({ of: 'all' }), '4 720 1005');
    t.equal(await spent({ of: 'subject', is: 'alice' }), '3 715 1005');
    t.equal(await spent({ of: 'key', is: 'key-2' }), '1 5 0');
    t.equal(await spent({ of: 'provider', is: 'lab' }), '3 715 1005');
    t.equal(await spent({ of: 'tag', tag: 'team', is: 'a' }), '2 20 1000');
    t.equal(await spent({ of: 'tag', tag: 'team', is: 'c' }), '0 0 0');
    t.equal(await spent({ of: 'key', is: 'nobody' }), '0 0 0');
    const november = { sinceMs: at('2026-11-01T00:00:00Z'), untilMs: at('2026-12-01T00:00:00Z') };
    t.equal(await spent({ of: 'all' }, november), '3 715 1005');
    t.equal(await spent({ of: 'tag', tag: 'team', is: 'a' }, november), '1 15 1000');
    const hour = { sinceMs: at('2026-11-20T11:00:00Z'), untilMs: at('2026-11-20T12:00:00Z') };
    t.equal(await spent({ of: 'all' }, hour), '2 700 5');
    t.equal(await spent({ of: 'tag', tag: 'team', is: 'b' }, hour), '1 700 5');
    t.equal(await spent({ of: 'tag', tag: 'team', is: 'a' }, hour), '0 0 0');
    const except = [1, 2, 99].map(seq => `box:00000000000000aa:${seq}`);
    t.equal(await spent({ of: 'all' }, { except }), '2 5 0', 'those it has are left out');
    t.equal((await must(ledger.check())).wrongSums, 0);
  },

  'what was charged is told in the order of calls': async (lab, t) => {
    const ledger = lab.open();
    await must(ledger.append([], []));
    const query = { scope: { of: 'all' }, sinceMs: 0, untilMs: null, except: [] } as const;
    const told: Promise<number>[] = [];
    const appends: Promise<unknown>[] = [];
    for (let round = 0; round < 30; round++) {
      appends.push(must(ledger.append(factTexts(round * 10 + 1, round * 10 + 10), [])));
      if (round % 3 === 0) told.push(must(ledger.spent(query)).then(({ requests }) => requests));
    }
    await Promise.all(appends);
    t.strictSame(
      await Promise.all(told),
      Array.from({ length: 10 }, (_, i) => i * 30 + 10),
      'each saw the appends before it, and none after',
    );
  },

  'a summary is split by a tag, and what bears none has a row of its own': async (lab, t) => {
    const ledger = lab.open();
    await must(
      ledger.append(
        [
          factText(1, { tags: { team: 'a' } }),
          factText(2, { tags: { team: 'b', site: 'x' }, subject: 'bob' }),
          factText(3, { tags: { team: 'b' } }),
          factText(4, { tags: { site: 'x' }, outputTokens: 7 }),
        ],
        [],
      ),
    );
    const shown = async (query: Partial<SummaryQuery>): Promise<readonly string[]> => {
      const { rows } = await must(ledger.summary({ by: ['tag:team'], limit: 100, ...query }));
      return rows.map(
        ({ group, requests, outputTokens }) =>
          `${Object.values(group).join(' ')}: ${requests} ${outputTokens}`,
      );
    };
    t.strictSame(await shown({}), ['b: 2 10', ': 1 7', 'a: 1 5']);
    t.strictSame(await shown({ by: ['tag:team', 'subject'] }), [
      ' alice: 1 7',
      'a alice: 1 5',
      'b alice: 1 5',
      'b bob: 1 5',
    ]);
    t.strictSame(await shown({ subject: 'bob' }), ['b: 1 5'], 'a row of nothing is none');
    t.strictSame(await shown({ sinceMs: at('2026-11-20T09:00:00Z') }), ['b: 2 10', ': 1 7', 'a: 1 5']);
    t.strictSame(await shown({ sinceMs: at('2026-11-21T00:00:00Z') }), []);
    t.strictSame(await shown({ by: ['tag:none'] }), [': 4 22']);
    await must(ledger.rebuild());
    t.strictSame(await shown({}), ['b: 2 10', ': 1 7', 'a: 1 5'], 'and after a rebuild');
  },

  'a hundred times the same batch in parallel is that batch': async (lab, t) => {
    const ledgers = [lab.open(), lab.open(), lab.open(), lab.open()];
    const batch = factTexts(1, 50);
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, i) => must(ledgers[i % ledgers.length]!.append(batch, []))),
    );
    t.equal(
      results.reduce((sum, { added }) => sum + added, 0),
      50,
    );
    t.equal(
      results.reduce((sum, { duplicates }) => sum + duplicates, 0),
      99 * 50,
    );
    const health = await must(ledgers[0]!.check());
    t.hasStrict(health, { facts: 50, conflicts: 0, invalid: 0, wrongSums: 0 });
    t.equal((await total(ledgers[1]!))!.requests, 50);
  },

  'cursors move with their facts and are found again': async (lab, t) => {
    const ledger = lab.open();
    t.equal((await must(ledger.cursors('journal'))).size, 0);
    await must(ledger.append([factText(1)], [{ sink: 'journal', place: 'a.ndjson', position: 700 }]));
    await must(ledger.append([], [{ sink: 'journal', place: 'a.ndjson', position: 900 }]));
    await must(ledger.append([], [{ sink: 'other', place: 'a.ndjson', position: 5 }]));
    await must(ledger.append([], [{ sink: 'journal', place: 'b.ndjson', position: 1 }]));
    await ledger.close();
    const again = lab.open();
    const cursors = await must(again.cursors('journal'));
    t.strictSame([...cursors].sort(), [
      ['a.ndjson', 900],
      ['b.ndjson', 1],
    ]);
    await must(again.forget('journal', ['a.ndjson']));
    t.strictSame([...(await must(again.cursors('journal')))], [['b.ndjson', 1]]);
    t.strictSame([...(await must(again.cursors('other')))], [['a.ndjson', 5]]);
  },

  'unknown stays unknown in a sum, and what has no price is counted': async (lab, t) => {
    const ledger = lab.open();
    const unknown = { inputTokens: null, outputTokens: null, costNanos: null };
    await must(
      ledger.append(
        [
          factText(1, { ...unknown, usageSource: 'none', subject: 'bob' }),
          factText(2, { ...unknown, usageSource: 'none', outcome: 'refused', refusals: 7, subject: 'bob' }),
          factText(3, { ...unknown, usageSource: 'none', outcome: 'lost', subject: 'bob' }),
          factText(4, { costNanos: null }),
          factText(5, { inputTokens: 0, usageSource: 'estimated', outcome: 'clientAborted' }),
          factText(6, { outcome: 'upstreamTruncated' }),
        ],
        [],
      ),
    );
    const { rows } = await must(ledger.summary({ by: ['subject'], limit: 10 }));
    const [alice, bob] = rows;
    t.hasStrict(alice, {
      group: { subject: 'alice' },
      requests: 3,
      failed: 1,
      aborted: 1,
      estimated: 1,
      unpriced: 1,
      unmetered: 0,
      inputTokens: 20,
      costNanos: 2000n,
      reasoningTokens: null,
    });
    t.hasStrict(bob, {
      group: { subject: 'bob' },
      requests: 9,
      refused: 7,
      lost: 1,
      unmetered: 1,
      unpriced: 0,
      inputTokens: null,
      outputTokens: null,
      costNanos: null,
    });
  },

  'money adds up to the nano-dollar past what a double holds': async (lab, t) => {
    const ledger = lab.open();
    const costNanos = Number.MAX_SAFE_INTEGER;
    await must(ledger.append(factTexts(1, 5, { costNanos }), []));
    t.equal((await total(ledger))!.costNanos, 5n * BigInt(costNanos));
    t.equal((await must(ledger.check())).wrongSums, 0);
  },

  'a summary is split by what is asked': async (lab, t) => {
    const ledger = lab.open();
    await must(
      ledger.append(
        [
          factText(1, { time: '2026-10-31T23:59:59.999Z' }),
          factText(2, { time: '2026-11-01T00:00:00.000Z', modelServed: null }),
          factText(3, { time: '2026-11-01T00:00:00.000Z', subject: null, costNanos: 9000 }),
          factText(4, { time: '2026-11-01T00:00:00.000Z', kind: 'admin', usageSource: 'none' }),
        ],
        [],
      ),
    );
    const groups = async (by: Parameters<Ledger['summary']>[0]['by']) =>
      (await must(ledger.summary({ by, limit: 10 }))).rows.map(row => [
        ...Object.values(row.group),
        row.requests,
      ]);
    t.strictSame(await groups(['day']), [
      ['2026-10-31', 1],
      ['2026-11-01', 2],
    ]);
    t.strictSame(await groups(['month', 'subject']), [
      ['2026-10', 'alice', 1],
      ['2026-11', null, 1],
      ['2026-11', 'alice', 1],
    ]);
    t.strictSame(await groups(['model', 'modelRequested']), [
      ['small-2026', 'small', 2],
      ['small', 'small', 1],
    ]);
    t.strictSame(await groups(['provider', 'key', 'operation']), [['lab', 'key-1', 'chat', 3]]);
    t.strictSame(await groups([]), [[3]]);
    const admin = await must(ledger.summary({ by: ['subject'], limit: 10, kind: 'admin' }));
    t.equal(admin.rows[0]!.requests, 1);
    const short = await must(ledger.summary({ by: ['day'], limit: 1 }));
    t.strictSame([short.rows.length, short.truncated], [1, true]);
    t.strictSame((await must(ledger.summary({ by: [], limit: 1, subject: 'nobody' }))).rows, []);
  },

  'the edges of a span are exact, whatever part of a day they cut': async (lab, t) => {
    const ledger = lab.open();
    const startMs = at('2026-11-18T00:00:00.000Z');
    const texts = Array.from({ length: 96 }, (_, hour) =>
      factText(hour + 1, { time: new Date(startMs + hour * HOUR_MS).toISOString() }),
    );
    await must(ledger.append(texts, []));
    const count = async (span: { sinceMs?: number; untilMs?: number }): Promise<number> =>
      (await must(ledger.summary({ by: [], limit: 1, ...span }))).rows[0]?.requests ?? 0;
    for (const [from, to] of [
      [0, 96],
      [24, 48],
      [5, 7],
      [23, 25],
      [5, 90],
      [30, 72],
      [24, 61],
      [50, 50],
      [60, 40],
    ] as const) {
      const span = { sinceMs: startMs + from * HOUR_MS, untilMs: startMs + to * HOUR_MS };
      t.equal(await count(span), Math.max(0, to - from), `hours ${from} to ${to}`);
    }
    t.equal(await count({ sinceMs: startMs + 10 * HOUR_MS + 1 }), 85, 'without an end');
    t.equal(await count({ untilMs: startMs + 30 * HOUR_MS }), 30, 'without a beginning');
  },

  'a span over months is exact, whatever it is split by': async (lab, t) => {
    const ledger = lab.open();
    const startMs = at('2026-01-20T00:00:00.000Z');
    const times = Array.from({ length: 250 }, (_, i) => startMs + i * 11 * HOUR_MS);
    const texts = times.map((timeMs, i) =>
      factText(i + 1, { time: new Date(timeMs).toISOString(), subject: i % 3 === 0 ? 'bob' : 'alice' }),
    );
    await must(ledger.append(texts, []));
    for (const [since, until] of [
      ['2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
      ['2026-02-01T00:00:00Z', '2026-04-17T00:00:00Z'],
      ['2026-01-29T05:00:00Z', '2026-04-02T17:30:00Z'],
      ['2026-01-31T00:00:00Z', '2026-02-28T00:00:00Z'],
      ['2026-02-27T13:00:00Z', '2026-03-01T02:00:00Z'],
      ['2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ] as const) {
      const span = { sinceMs: at(since), untilMs: at(until) };
      const expected = times.filter(timeMs => timeMs >= span.sinceMs && timeMs < span.untilMs).length;
      for (const by of [[], ['subject'], ['day'], ['month'], ['month', 'subject']] as const) {
        const { rows } = await must(ledger.summary({ by, limit: 1000, ...span }));
        const sum = rows.reduce((total, row) => total + row.requests, 0);
        t.equal(sum, expected, `${since} to ${until} by ${by.join(',')}`);
      }
    }
    const open = await must(
      ledger.summary({ by: ['month'], limit: 100, sinceMs: at('2026-03-31T12:00:00Z') }),
    );
    const later = times.filter(timeMs => timeMs >= at('2026-03-31T12:00:00Z'));
    t.strictSame(
      open.rows.map(({ group }) => group.month),
      [...new Set(later.map(timeMs => new Date(timeMs).toISOString().slice(0, 7)))],
    );
    t.equal(
      open.rows.reduce((sum, row) => sum + row.requests, 0),
      later.length,
    );
  },

  'pages hold every fact once, in the order of time': async (lab, t) => {
    const ledger = lab.open();
    const order = [5, 3, 1, 4, 2, 7, 6];
    const texts = order.map(n => factText(n, { time: `2026-11-20T10:00:0${Math.ceil(n / 2)}.000Z` }));
    await must(ledger.append(texts, []));
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page: FactPage = await must(ledger.facts({ limit: 2, ...(after === null ? {} : { after }) }));
      t.ok(page.facts.length <= 2);
      seen.push(...page.facts);
      after = page.next;
    } while (after !== null);
    t.strictSame([...seen].sort(), [...texts].sort());
    const times = seen.map(text => (JSON.parse(text) as { time: string }).time);
    t.strictSame(times, [...times].sort());
    const some = { subject: 'alice', outcome: 'complete', untilMs: at('2026-11-20T10:00:02.000Z') };
    t.equal((await must(ledger.facts({ limit: 10, ...some }))).facts.length, 2);
    t.equal((await must(ledger.facts({ limit: 10, subject: "x' OR 1=1 --" }))).facts.length, 0);
    t.equal((await ledger.facts({ limit: 10, after: '1; DROP TABLE facts' })).ok, false);
    t.equal((await must(ledger.check())).facts, 7);
  },

  'ids are told apart by boot, and what is missing is said': async (lab, t) => {
    const ledger = lab.open();
    await must(
      ledger.append([...factTexts(2, 4), factText(9), factText(1, { id: 'box:00000000000000bb:1' })], []),
    );
    t.strictSame((await must(ledger.check())).spans, [
      { source: 'box:00000000000000aa:', first: 2, last: 9, facts: 4 },
      { source: 'box:00000000000000bb:', first: 1, last: 1, facts: 1 },
    ]);
    const ids = ['box:00000000000000aa:2', 'box:00000000000000aa:5'];
    t.strictSame(await must(ledger.missing(ids)), ['box:00000000000000aa:5']);
  },
};

async function total(ledger: Ledger): Promise<SummaryRow | undefined> {
  return (await must(ledger.summary({ by: [], limit: 1 }))).rows[0];
}
