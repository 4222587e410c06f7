import type { Command } from 'commander';
import { formatProblems } from '../config/index.ts';
import { type CliIo, EXIT } from './io.ts';
import { plainCell } from './plain-text.ts';

/** What `weir usage tail` and `weir usage check` take to say where the journal is. */
export interface PlaceOptions {
  readonly journal?: string;
  readonly config?: string;
}

/** Where `usage: {}` keeps it. */
const DEFAULT_JOURNAL = './data/journal';

export function placed(command: Command): Command {
  return command
    .option('--journal <folder>', `where the journal is (without --config ${DEFAULT_JOURNAL})`)
    .option('-c, --config <file>', 'the YAML config that says where it is');
}

/** The folder of the journal, or the exit status after saying what is wrong. */
export async function folderOf({ journal, config }: PlaceOptions, io: CliIo): Promise<string | number> {
  if (journal !== undefined || config === undefined) return journal ?? DEFAULT_JOURNAL;
  const { SettingsLoader } = await import('../gateway/index.ts');
  const loaded = new SettingsLoader(io.env).load({ file: config });
  if (!loaded.ok) {
    io.stderr.write(`${formatProblems(loaded.problems)}\n`);
    return EXIT.usage;
  }
  const { usage } = loaded.settings as { readonly usage?: { readonly journal: string } };
  if (usage !== undefined && usage.journal !== 'none') return usage.journal;
  io.stderr.write(`error: ${config} keeps no journal\n`);
  return EXIT.usage;
}

/** Says why there is nothing to read. */
export function unreadable(folder: string, { code, message }: NodeJS.ErrnoException, io: CliIo): number {
  const why =
    code === 'ENOENT'
      ? 'there is no such folder. Nothing was served there yet, or --journal or --config must name another'
      : message;
  io.stderr.write(`weir usage: ${plainCell(folder)} cannot be read: ${why}\n`);
  return EXIT.failed;
}
