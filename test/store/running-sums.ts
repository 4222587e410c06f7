import fc from 'fast-check';
import type { Test } from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import type { Ledger } from '../../lib/store/index.ts';
import { factText } from './fact-text.ts';
import { must } from './must.ts';

const count = fc.option(fc.oneof(fc.nat(1000), fc.constant(2 ** 40)), { nil: null });
const word = (...words: string[]) => fc.option(fc.constantFrom(...words), { nil: null });

const members: fc.Arbitrary<Partial<Fact>> = fc.record({
  time: fc
    .integer({ min: Date.UTC(2026, 9, 30), max: Date.UTC(2026, 10, 3) })
    .map(timeMs => new Date(timeMs).toISOString()),
  kind: fc.constantFrom('request', 'admin', 'tool'),
  subject: word('alice', 'bob', ''),
  keyId: word('k1', 'k2'),
  provider: word('lab'),
  modelRequested: word('small', 'large'),
  modelServed: word('small-1', 'large'),
  outcome: fc.constantFrom('complete', 'clientAborted', 'upstreamFailed', 'refused', 'drainCut', 'lost'),
  usageSource: fc.constantFrom('provider', 'estimated', 'none'),
  inputTokens: count,
  outputTokens: count,
  cachedInputTokens: count,
  reasoningTokens: count,
  costNanos: count,
  refusals: fc.option(fc.nat(100), { nil: null }),
});

/** Facts under few ids, so that some come again and some contradict each other, in batches. */
const batches = fc.array(
  fc.array(
    fc.tuple(fc.integer({ min: 1, max: 12 }), members).map(([seq, rest]) => factText(seq, rest)),
    { maxLength: 8 },
  ),
  { maxLength: 6 },
);

/** Running sums equal a rebuild, whatever came and however often. `rows` reads the table of an engine's sums. */
export async function checkRunningSums(
  t: Test,
  ledger: Ledger,
  rows: () => Promise<unknown>,
  numRuns: number,
): Promise<void> {
  let boot = 0;
  await must(ledger.append([], []));
  await fc.assert(
    fc.asyncProperty(batches, async texts => {
      boot++;
      const own = texts.map(batch =>
        batch.map(text => text.replace('00000000000000aa', boot.toString(16).padStart(16, '0'))),
      );
      for (const batch of own) await must(ledger.append(batch, []));
      for (const batch of own.toReversed()) t.equal((await must(ledger.append(batch, []))).added, 0);
      const live = await rows();
      if ((await must(ledger.check())).wrongSums !== 0) return false;
      await must(ledger.rebuild());
      t.strictSame(await rows(), live);
      return true;
    }),
    { numRuns },
  );
  t.ok((await must(ledger.check())).facts > 0);
}
