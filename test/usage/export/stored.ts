import { join } from 'node:path';
import type { Test } from 'tap';
import type { Fact } from '../../../lib/pipeline/index.ts';
import { type Ledger, openLedger } from '../../../lib/store/index.ts';
import { factText } from '../../store/fact-text.ts';
import { must } from '../../store/must.ts';

const APPEND_FACTS = 5000;

export interface Stored {
  readonly folder: string;
  readonly config: string;
  readonly url: `sqlite:${string}`;
  readonly ledger: Ledger;
}

/** A store with these facts, and a config that names it. The ledger is closed with the test. */
export async function storeOf(t: Test, facts: readonly string[], usage: object = {}): Promise<Stored> {
  const settings = { usage: { journal: 'none', store: 'sqlite:./weir.db', ...usage } };
  const folder = t.testdir({ 'config.yaml': JSON.stringify(settings) });
  const url = `sqlite:${join(folder, 'weir.db')}` as const;
  const ledger = openLedger(url);
  t.teardown(() => ledger.close());
  for (let at = 0; at === 0 || at < facts.length; at += APPEND_FACTS)
    await must(ledger.append(facts.slice(at, at + APPEND_FACTS), []));
  return { folder, config: join(folder, 'config.yaml'), url, ledger };
}

/** Facts of which no two are alike, and that have every kind of value somewhere, from a time on, one a second. */
export function variedFacts(count: number, fromMs = Date.UTC(2026, 9, 1)): string[] {
  return Array.from({ length: count }, (_, i) => factText(i + 1, variedMembers(i, fromMs)));
}

function variedMembers(i: number, fromMs: number): Partial<Fact> {
  return {
    time: new Date(fromMs + i * 1000).toISOString(),
    requestId: `weir-${i.toString(36)}`,
    subject: SUBJECTS[i % SUBJECTS.length]!,
    tags: i % 3 === 0 ? {} : { team: `ü"${i % 7}`, '=a': '\n' },
    status: i % 11 === 0 ? null : 200,
    stream: i % 2 === 0,
    modelServed: i % 5 === 0 ? null : `model-${i % 4}`,
    inputTokens: i % 13 === 0 ? null : i * 7,
    outputTokens: i % 17 === 0 ? Number.MAX_SAFE_INTEGER : i,
    measures: i % 6 === 0 ? { images: i } : {},
    ...(i % 19 === 0 ? { usageSource: 'provider', costNanos: null } : { costNanos: costOf(i) }),
    durationMs: i % 97,
    route: { name: i % 8 === 0 ? 'cheap' : null, target: null, reason: null, arm: null, role: null },
    ...(i % 23 === 0 ? { outcome: 'refused', refusals: i + 1, usageSource: 'none', costNanos: null } : {}),
  };
}

const SUBJECTS = ['alice', 'bob', null, '=1+1', '-2', '@x', '+3', 'a,b"c', 'ümlaut'];

/** Their sum is past what a double holds exactly. */
function costOf(i: number): number {
  return i % 29 === 0 ? Number.MAX_SAFE_INTEGER - i : i * 1_000_003;
}
