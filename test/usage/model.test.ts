import fc from 'fast-check';
import t from 'tap';
import { happenings, type Onlooker } from './model/commands.ts';
import { verifyAtRest } from './model/truth.ts';
import { World } from './model/world.ts';

t.setTimeout(170_000);

/** No further history is begun after so long: a bound on the time of a run, not on what must hold. */
const BUDGET_MS = 35_000;

t.test(
  'whatever happens, in whatever order: each exchange is on record once, and the sums are right',
  async t => {
    const { WEIR_MODEL_SEED, WEIR_MODEL_PATH } = process.env;
    const seed = WEIR_MODEL_SEED === undefined ? Date.now() & 0x7fff_ffff : Number(WEIR_MODEL_SEED);
    const cache = t.testdir();
    const lived = { histories: 0, exchanges: 0, facts: 0 };
    const live = async (commands: Iterable<fc.AsyncCommand<Onlooker, World>>): Promise<void> => {
      const world = await World.create(t, cache);
      try {
        const begin = () => ({ model: { isUp: true, held: 0 }, real: world });
        await fc.asyncModelRun(begin, commands);
        if (!world.isUp) await world.start();
        await verifyAtRest(world);
        lived.histories++;
        lived.exchanges += world.asked.length;
        lived.facts += (await world.storedFacts()).length;
      } finally {
        await world.close();
      }
    };
    // The budget ends while one is being lived: that one counts too.
    let latest = Promise.resolve();
    const property = fc.asyncProperty(happenings(), commands => {
      latest = live(commands);
      return latest;
    });
    const details = await fc.check(property, {
      seed,
      ...(WEIR_MODEL_PATH === undefined ? {} : { path: WEIR_MODEL_PATH }),
      numRuns: 100,
      interruptAfterTimeLimit: BUDGET_MS,
      endOnFailure: WEIR_MODEL_SEED === undefined,
    });
    const isFailed = details.counterexample !== null;
    await latest.catch((error: Error) => {
      if (!isFailed) throw new Error(`seed ${seed}, history ${lived.histories}: ${error.message}`);
    });
    t.comment(
      `seed ${seed}: ${lived.histories} histories, ${lived.exchanges} exchanges, ${lived.facts} facts`,
    );
    // WEIR_MODEL_SEED and WEIR_MODEL_PATH, set to what it says, live through the failing one again.
    t.notOk(isFailed, fc.defaultReportMessage(details) ?? 'none fails');
    t.ok(lived.histories > 0, 'at least one was lived through');
  },
);
