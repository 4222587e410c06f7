import type { Command } from 'commander';
import { checkPublicKey } from '../../keys/index.ts';
import { verifyExport } from '../../usage/index.ts';
import { count } from '../count.ts';
import { type CliIo, EXIT } from '../io.ts';
import { paintFor } from '../paint.ts';
import { plainText } from '../plain-text.ts';
import { examples } from '../verb.ts';

interface Options {
  readonly key?: string;
  readonly json?: true;
}

/** `weir usage verify`: is an export what was made, by whom it was made? */
export function addVerify(group: Command, io: CliIo, exit: (status: number) => void): void {
  group
    .command('verify')
    .argument('<folder>', 'what weir usage export --out made')
    .description('compare an export with its manifest, and the manifest with its signature')
    .option('--key <key>', 'k4.public.… of who must have signed it')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        ['weir usage verify november --key k4.public.…', 'exit 0 when every file is what was signed, else 1'],
        ['weir usage verify november', 'the same without a word on who made it'],
      ]),
    )
    .action(async (folder: string, options: Options) => exit(await run(folder, options, io)));
}

async function run(folder: string, { key, json }: Options, io: CliIo): Promise<number> {
  const wrongKey = key === undefined ? null : checkPublicKey(key);
  if (wrongKey !== null) {
    io.stderr.write(`error: --key ${wrongKey}\n`);
    return EXIT.usage;
  }
  const { manifest, faults } = await verifyExport(folder, key ?? null);
  const ok = faults.length === 0;
  const paint = paintFor(io);
  if (json === true) {
    const signedBy = ok ? (key ?? null) : null;
    io.stdout.write(`${JSON.stringify({ ok, signedBy, faults }, null, 2)}\n`);
  } else {
    for (const { file, problem } of faults)
      io.stdout.write(`${paint.bad('wrong')}  ${plainText(file)} ${problem}\n`);
    if (ok)
      io.stdout.write(
        `${paint.good('ok')}  ${count(manifest!.facts, 'fact', 'facts')} in ${count(manifest!.files.length, 'file', 'files')}\n`,
      );
    if (ok && key === undefined)
      io.stderr.write('note: no signature was checked; --key says whose it must be\n');
  }
  return ok ? EXIT.ok : EXIT.failed;
}
