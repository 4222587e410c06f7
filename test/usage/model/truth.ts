import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Fact } from '../../../lib/pipeline/index.ts';
import type { SummaryRow } from '../../../lib/store/index.ts';
import { runMain } from '../../cli/run-main.ts';
import { must } from '../../store/must.ts';
import type { Asked, World } from './world.ts';

/** How the fact of a request may say that it ended, where its client did not have all of it. */
const CUT_OUTCOMES: ReadonlySet<string> = new Set([
  'complete',
  'clientAborted',
  'drainCut',
  'lost',
  'upstreamTruncated',
]);

/** What a fact says is used, as the oracle knows it: what the provider stated by its end. */
function statedBy({ answer }: Asked): readonly [number | null, number | null] {
  return answer.behaviour === 'error' || answer.behaviour === 'cut'
    ? [null, null]
    : [answer.inputTokens, answer.outputTokens];
}

/** The journal's own member is no part of the fact. */
function textOf(fact: Fact): string {
  const { crc: _, ...members } = fact as Fact & { readonly crc?: string };
  return JSON.stringify(members);
}

/** What must hold whenever nothing moves any more, but for answers that are held. */
export async function verify(world: World): Promise<void> {
  const { written, stored } = await world.settled();
  const { facts, others, bad } = world.journal;
  assert.equal(new Set(stored.map(({ id }) => id)).size, stored.length, 'an id is in the store twice');
  const inStore = new Map(stored.map(fact => [fact.id, textOf(fact)]));
  for (const fact of written) assert.equal(inStore.get(fact.id), textOf(fact), 'the store has another fact');
  const inJournal = new Set(facts.map(({ id }) => id));
  assert.ok(
    stored.every(({ id }) => inJournal.has(id)),
    'the store has a fact that the journal has not',
  );
  assert.ok(
    bad.every(line => !line.endsWith('}')),
    'a whole line of the journal is broken',
  );

  const byRequest = Map.groupBy(stored, ({ requestId }) => requestId);
  for (const asked of world.asked) judge(asked, byRequest.get(asked.id) ?? []);
  const live = new Set(world.held.map(({ asked }) => asked.id));
  for (const { json } of others) {
    const { requestId } = json as unknown as Fact;
    const count = byRequest.get(requestId)?.length ?? 0;
    assert.equal(count, live.has(requestId ?? '') ? 0 : 1, `${requestId} was opened and has ${count} facts`);
  }
  const health = await must(world.ledger.check());
  assert.deepEqual([health.conflicts, health.invalid, health.wrongSums], [0, 0, 0]);
}

function judge(asked: Asked, facts: readonly Fact[]): void {
  const { id, saw, answer } = asked;
  const [fact] = facts;
  assert.ok(facts.length <= 1, `${id} has ${facts.length} facts`);
  if (saw === 'whole') assert.equal(fact?.outcome, 'complete', `${id} was received whole`);
  if (fact === undefined) return;
  assert.ok(CUT_OUTCOMES.has(fact.outcome), `${id} ended as ${fact.outcome}`);
  const known = [fact.inputTokens, fact.outputTokens];
  // Its provider delivered all there was.
  if (fact.outcome === 'complete') assert.deepEqual(known, statedBy(asked), `${id} has other tokens`);
  else assert.ok(answer.behaviour !== 'error' || known.every(count => count === null));
  if (fact.outcome === 'lost') assert.deepEqual(known, [null, null], `${id} was lost`);
}

/** The whole store in one row. */
async function totals(world: World): Promise<SummaryRow | undefined> {
  return (await must(world.ledger.summary({ by: [], limit: 1 }))).rows[0];
}

/** What must hold at the end, with the gateway stopped: sums, and that shipping all of it again changes nothing. */
export async function verifyAtRest(world: World): Promise<void> {
  await world.stop('SIGTERM');
  await verify(world);
  const stored = await world.storedFacts();
  const complete = new Set(
    stored.filter(({ outcome }) => outcome === 'complete').map(({ requestId }) => requestId),
  );
  const byOracle = world.asked.filter(({ id }) => complete.has(id)).map(statedBy);
  const ofComplete = stored.filter(({ outcome }) => outcome === 'complete');
  const sum = (counts: readonly (number | null)[]): number =>
    counts.reduce<number>((a, b) => a + (b ?? 0), 0);
  assert.equal(sum(ofComplete.map(({ inputTokens }) => inputTokens)), sum(byOracle.map(([input]) => input)));
  assert.equal(
    sum(ofComplete.map(({ outputTokens }) => outputTokens)),
    sum(byOracle.map(([, output]) => output)),
  );

  const before = await totals(world);
  assert.equal(before?.requests ?? 0, stored.length);
  assert.equal(before?.inputTokens ?? 0, sum(stored.map(({ inputTokens }) => inputTokens)));
  await must(world.ledger.rebuild());
  assert.deepEqual(await totals(world), before, 'a rebuild from the facts has other sums');

  await world.forgetCursors();
  await world.start();
  await verify(world);
  await world.stop('SIGTERM');
  assert.deepEqual(await totals(world), before, 'a second shipping changed the sums');
  assert.deepEqual((await world.storedFacts()).map(textOf).sort(), stored.map(textOf).sort());

  const journal = join(world.folder, 'data/journal');
  const { status, stdout } = await runMain(['usage', 'check', '--journal', journal]);
  assert.equal(status, 0, stdout);
}

/** A batch of facts that the store has or will have, in another order than they came. */
export async function appendAgain(world: World, order: readonly number[]): Promise<void> {
  const texts = world.journal.facts.map(textOf);
  if (texts.length === 0) return;
  const batch = order.map(at => texts[at % texts.length]!);
  const { conflicts, invalid } = await must(world.ledger.append(batch, []));
  assert.deepEqual([conflicts, invalid], [0, 0]);
}
