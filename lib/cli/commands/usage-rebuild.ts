import type { Command } from 'commander';
import { count } from '../count.ts';
import { type CliIo, EXIT } from '../io.ts';
import { storeOf, usageOf } from '../usage-query.ts';
import { examples } from '../verb.ts';

interface RebuildOptions {
  readonly config: string;
}

const HELP = `

Facts are never changed; only what was added up of them is made anew, in one
transaction. A gateway may run meanwhile: it writes on when this is done, and
its journal keeps what comes. Millions of facts take minutes.`;

/** `weir usage rebuild`: the remedy for sums that `weir usage check` finds wrong. */
export function addRebuild(group: Command, io: CliIo, exit: (status: number) => void): void {
  group
    .command('rebuild')
    .description('make the sums of the store anew from its facts')
    .requiredOption('-c, --config <file>', 'the YAML config that names the store (usage.store)')
    .addHelpText(
      'after',
      `${examples([['weir usage rebuild --config config.yaml', 'when weir usage check says that sums are wrong']])}${HELP}`,
    )
    .action(async (options: RebuildOptions) => exit(await rebuild(options, io)));
}

async function rebuild({ config }: RebuildOptions, io: CliIo): Promise<number> {
  const usage = await usageOf(config, io);
  // Looked at first, and for reading only: what is not there must not be made by this.
  const looked = typeof usage === 'string' ? usage : await storeOf(usage, config, 'read');
  if (typeof usage === 'string' || typeof looked === 'string') {
    io.stderr.write(String(looked));
    return EXIT.usage;
  }
  const health = await looked.check().finally(() => looked.close());
  if (!health.ok) return failed(looked.place, health.problem, io);
  const ledger = await storeOf(usage, config, 'write');
  if (typeof ledger === 'string') return failed(looked.place, ledger, io);
  const made = await ledger.rebuild().finally(() => ledger.close());
  if (!made.ok) return failed(ledger.place, made.problem, io);
  const { facts, wrongSums } = health.value;
  io.stdout.write(
    `${count(wrongSums, 'sum was', 'sums were')} wrong in ${ledger.place}; all are made anew from ${count(facts, 'fact', 'facts')}.\n`,
  );
  return EXIT.ok;
}

function failed(place: string, problem: string, io: CliIo): number {
  io.stderr.write(`error: the store ${place} cannot be used: ${problem}\n`);
  return EXIT.failed;
}
