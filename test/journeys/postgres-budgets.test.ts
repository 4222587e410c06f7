import t, { type Test } from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { openLedger } from '../../lib/store/index.ts';
import { within } from '../deadline/index.ts';
import { postgresFor } from '../postgres/index.ts';
import { must } from '../store/must.ts';
import * as up from '../upstream/index.ts';
import { account, answer, chat, settled, startBudgetLab } from './budget-lab.ts';
import { CLIENT_KEY, type Lab } from './lab.ts';

const server = await postgresFor(t);
const REFRESH_MS = 200;
/** How long a fact may be on its way to the store on a machine that has much to do. */
const ON_ITS_WAY_MS = 4000;

async function startTwo(
  t: Test,
  rule: object,
): Promise<{ labs: [Lab, Lab]; url: string; provider: up.Upstream }> {
  const url = server.url(await server.database());
  const provider = await up.Upstream.start();
  t.teardown(() => provider.close());
  provider.reply(answer(100, 100));
  const sections = {
    usage: { holdMs: 60_000, store: 'env:STORE_URL' },
    budgets: { refreshMs: REFRESH_MS, rules: [{ of: 'subject', per: 'month', ...rule }] },
  };
  const start = () => startBudgetLab(t, sections, { provider, env: { STORE_URL: url } });
  return { labs: [await start(), await start()], url, provider };
}

/** Asks at both, a request every few milliseconds, until both have refused for a while. Gives the times of what was admitted. */
async function askUntilRefused(labs: readonly Lab[]): Promise<number[]> {
  const admittedAt: number[] = [];
  const askAt = async (lab: Lab): Promise<void> => {
    for (let refusals = 0; refusals < 30; ) {
      const { status } = await chat(lab, CLIENT_KEY);
      if (status === 200) {
        admittedAt.push(performance.now());
        refusals = 0;
      } else if (status === 429) refusals++;
      else throw new Error(`status ${status}`);
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  };
  await within(Promise.all(labs.map(askAt)), 'both to refuse', 60_000);
  return admittedAt.sort((a, b) => a - b);
}

for (const [what, rule, cap] of [
  ['requests', { requests: 200 }, 200],
  // A request uses (100 × 2 + 100 × 8) / 10⁶ USD.
  ['USD', { usd: '0.200000000' }, 200],
] as const)
  t.test(`two gateways on one store keep to a budget in ${what} together`, async t => {
    const { labs, url, provider } = await startTwo(t, rule);
    const admittedAt = await askUntilRefused(labs);
    const total = admittedAt.length;
    // By what it reserved a gateway may stop a request or two before the cap is reached.
    t.ok(total >= cap - 4, `${total} admitted`);
    t.ok(total < 1.75 * cap, `${total} admitted: each alone would have admitted ${cap}`);
    const lateMs = (admittedAt.at(-1) ?? 0) - (admittedAt[cap - 1] ?? Number.POSITIVE_INFINITY);
    t.ok(lateMs <= 3 * REFRESH_MS + ON_ITS_WAY_MS, `the last one ${lateMs} ms after the cap was reached`);
    t.comment(
      `${total} admitted under a cap of ${cap}, the last one ${lateMs.toFixed(0)} ms after the cap was reached`,
    );
    t.equal(provider.requests.length, total, 'what was refused went nowhere');
    for (const lab of labs) {
      const agree = async (): Promise<void> => {
        while ((await account(lab, 'subject', 'team')).spent!.requests < total);
      };
      await within(agree(), 'the gateway to know of all');
      t.equal((await chat(lab, CLIENT_KEY)).status, 429);
      const { spent } = await settled(lab, 'subject', 'team');
      t.strictSame(spent, { requests: total, tokens: total * 200, usd: (total / 1000).toFixed(9) });
    }
    const ledger = openLedger(new Secret(url), { readOnly: true });
    t.teardown(() => ledger.close());
    const scope = { of: 'tag', tag: 'project', is: 'weir' } as const;
    const stored = await must(ledger.spent({ scope, sinceMs: 0, untilMs: null, except: [] }));
    t.strictSame(stored, { requests: total, tokens: total * 200, costNanos: BigInt(total) * 1_000_000n });
  });

t.test('a gateway that starts anew goes on with what both have used', async t => {
  const { labs, url, provider } = await startTwo(t, { requests: 6 });
  for (const lab of labs) for (let i = 0; i < 2; i++) t.equal((await chat(lab, CLIENT_KEY)).status, 200);
  for (const lab of labs) t.equal((await lab.weir.stop()).code, 0);
  const third = await startBudgetLab(
    t,
    {
      usage: { holdMs: 60_000, store: 'env:STORE_URL' },
      budgets: { rules: [{ of: 'subject', per: 'month', requests: 6 }] },
    },
    { provider, env: { STORE_URL: url } },
  );
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await chat(third, CLIENT_KEY)).status);
  t.strictSame(statuses, [200, 200, 429]);
});
