import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { type Answer, BEHAVIOURS, type Behaviour } from './provider.ts';
import { appendAgain, verify } from './truth.ts';
import type { World } from './world.ts';

/** What an onlooker must know to say what can be done next. */
export interface Onlooker {
  isUp: boolean;
  held: number;
}

/** One thing that happens, made from a few words so that a failure can be read. */
class Happening implements fc.AsyncCommand<Onlooker, World> {
  readonly #words: string;
  readonly #needs: (onlooker: Readonly<Onlooker>) => boolean;
  readonly #happen: (world: World) => Promise<void>;

  constructor(
    words: string,
    needs: (onlooker: Readonly<Onlooker>) => boolean,
    happen: (world: World) => Promise<void>,
  ) {
    this.#words = words;
    this.#needs = needs;
    this.#happen = happen;
  }

  check(onlooker: Readonly<Onlooker>): boolean {
    return this.#needs(onlooker);
  }

  async run(onlooker: Onlooker, world: World): Promise<void> {
    await this.#happen(world);
    onlooker.isUp = world.isUp;
    onlooker.held = world.held.length;
  }

  toString(): string {
    return this.#words;
  }
}

const up = ({ isUp }: Readonly<Onlooker>): boolean => isUp;
const holding = ({ isUp, held }: Readonly<Onlooker>): boolean => isUp && held > 0;

function answer(behaviour: fc.Arbitrary<Behaviour>): fc.Arbitrary<Answer> {
  return fc.record({
    behaviour,
    events: fc.integer({ min: 1, max: 20 }),
    inputTokens: fc.integer({ min: 1, max: 100_000 }),
    outputTokens: fc.integer({ min: 0, max: 100_000 }),
    splitBytes: fc.constantFrom(7, 100, 100_000),
  });
}

const ended = answer(fc.constantFrom(...BEHAVIOURS.filter(name => name !== 'held')));
const streamed = answer(fc.constant('stream'));
const held = answer(fc.constant('held'));
/** Where a client leaves: before the head, or after so many bytes of the body. */
const leaveAfter = fc.integer({ min: -1, max: 1500 });

const ask = fc.array(ended, { minLength: 4, maxLength: 16 }).map(
  answers =>
    new Happening(`ask ${answers.map(({ behaviour }) => behaviour).join(' ')}`, up, async world => {
      await Promise.all(answers.map(each => world.ask(each)));
    }),
);

const leave = fc
  .tuple(streamed, leaveAfter)
  .map(([each, bytes]) => new Happening(`leave after ${bytes} bytes`, up, world => world.ask(each, bytes)));

const hold = held.map(each => new Happening('hold', up, world => world.hold(each)));

const release = fc
  .tuple(fc.nat(9), fc.constantFrom('end' as const, 'leave' as const))
  .map(([at, how]) => new Happening(`a held one: ${how}`, holding, world => world.release(at, how)));

/** Killed in the middle of what is asked, when so many have been answered. */
const kill = fc.tuple(fc.array(ended, { minLength: 4, maxLength: 16 }), fc.nat(8), fc.nat(10)).map(
  ([answers, answered, ms]) =>
    new Happening(`kill -9 after ${answered} of ${answers.length} answers, and ${ms} ms`, up, async world => {
      let over = 0;
      const enough = Promise.withResolvers<void>();
      const asking = answers.map(async each => {
        await world.ask(each).catch(() => {});
        if (++over >= Math.min(answered, answers.length)) enough.resolve();
      });
      if (answered > 0) await enough.promise;
      // Any moment will do: it is drawn, not waited for.
      await delay(ms);
      await world.stop('SIGKILL');
      await Promise.all(asking);
    }),
);

const start = fc.constant(
  new Happening(
    'start',
    ({ isUp }) => !isUp,
    world => world.start(),
  ),
);

const restart = fc.constant(
  new Happening('stop and start', up, async world => {
    await world.stop('SIGTERM');
    await world.start();
  }),
);

const shipAgain = fc.constant(
  new Happening('the cursors are lost', up, async world => {
    await world.stop('SIGTERM');
    await world.forgetCursors();
    await world.start();
  }),
);

const batchAgain = fc.array(fc.nat(999), { minLength: 1, maxLength: 30 }).map(
  order =>
    new Happening(
      `${order.length} facts come again, in another order`,
      () => true,
      world => appendAgain(world, order),
    ),
);

const jump = fc
  .constantFrom('ahead' as const, 'back' as const)
  .map(direction => new Happening(`the clock jumps ${direction}`, up, world => world.jump(direction)));

const look = fc.constant(new Happening('look', up, verify));

/** Everything that may happen, the usual more often. */
export function happenings(): fc.Arbitrary<Iterable<fc.AsyncCommand<Onlooker, World>>> {
  const some = [
    ask,
    ask,
    ask,
    ask,
    leave,
    leave,
    leave,
    hold,
    hold,
    release,
    kill,
    kill,
    start,
    start,
    start,
  ];
  return fc.commands([...some, restart, shipAgain, batchAgain, batchAgain, jump, look], {
    maxCommands: 40,
    size: '+1',
  });
}
