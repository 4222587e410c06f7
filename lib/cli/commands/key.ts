import { stdin } from 'node:process';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { checkPublicKey, type InspectedKey, KeyFault, loadInspectKey, loadMint } from '../../keys/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { readIssuerSecret } from '../issuer-secret.ts';
import { flagFor, type KeyFlags, keyRequest } from '../key-flags.ts';
import { keyLines, keyReport, keyState } from '../key-report.ts';
import { MOMENT_WORDS } from '../moment.ts';
import { type AddVerb, examples } from '../verb.ts';

interface MintFlags extends KeyFlags {
  readonly issuer?: string;
  readonly json?: true;
}

interface InspectFlags {
  readonly publicKey?: string;
  readonly json?: true;
}

/** `weir key mint` and `weir key inspect`: virtual keys, with no gateway needed. */
export const addKey: AddVerb = (program, io, exit) => {
  const key = program
    .command('key')
    .description('make a virtual key, or show what one says')
    .addHelpText(
      'after',
      examples([
        ['weir key mint --issuer issuer.key --subject alice --expires 30d', 'prints the key, once'],
        ['weir key inspect -', 'reads a key from standard input and says what it may do'],
      ]),
    );
  addMint(key, io, exit);
  addInspect(key, io, exit);
};

function addMint(key: Command, io: CliIo, exit: (status: number) => void): void {
  const repeatable = (value: string, earlier: string[] = []): string[] => [...earlier, value];
  key
    .command('mint')
    .description('make a virtual key and print it, once; nothing is stored anywhere')
    .requiredOption('--subject <name>', 'who it is for')
    .option('--issuer <file>', 'the secret that weir issuer new wrote (or WEIR_ISSUER in the environment)')
    .option('--expires <when>', MOMENT_WORDS, '30d')
    .option('--not-before <when>', 'when it begins; likewise')
    .option('--provider <name>', 'may use this provider (repeatable; without it all of them)', repeatable)
    .option('--model <pattern>', "may use such models, as 'gpt-*' or 'lab/gpt-*' (repeatable)", repeatable)
    .option('--operation <name>', 'may do this, as chat or embedding (repeatable)', repeatable)
    .option('--ip <range>', 'may come from this address or range (repeatable)', repeatable)
    .option('--rpm <count>', 'requests a minute')
    .option('--tpm <count>', 'tokens a minute')
    .option('--concurrency <count>', 'requests at a time')
    .option('--budget <amounts>', 'what it may use, as usd=25,per=month; tokens and requests too', repeatable)
    .option('--body-bytes <size>', 'size of a request body, as 1MiB')
    .option('--tag <name=value>', 'goes into the usage facts (repeatable)', repeatable)
    .option('--id <id>', 'the name by which it can be denied; without it a random one')
    .option('--audience <name>', "must be the gateway's auth.audience")
    .option('--iss <name>', "must be the issuer's name where the gateway's config gives it one")
    .option('--prefix <prefix>', "another of the gateway's auth.prefixes, as sk-weir-")
    .option('--max-lifetime <span>', "where the gateway's config lets this issuer's keys live beyond 90d")
    .option('--json', 'print JSON: the key, its id, what it says')
    .addHelpText(
      'after',
      examples([
        ['weir key mint --issuer issuer.key --subject alice', 'all that is configured, for 30 days'],
        [
          "weir key mint --issuer issuer.key --subject ci --expires 1h --model 'gpt-*'",
          'less, and soon over',
        ],
        ['weir key mint --issuer issuer.key --subject a --rpm 600 --tag team=ads', 'limited and labelled'],
      ]),
    )
    .action(async (flags: MintFlags) => exit(await mint(flags, io)));
}

function addInspect(key: Command, io: CliIo, exit: (status: number) => void): void {
  key
    .command('inspect')
    .description('show what a key says, without showing the key; exit 1 if a gateway would refuse it')
    .argument('[key]', 'the key; - reads it from standard input; without it WEIR_KEY in the environment')
    .option('--public-key <key>', 'k4.public.… of the issuer: also check the signature')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        ['weir key inspect - < key.txt', 'a key in no list of processes and no history'],
        ['WEIR_KEY=… weir key inspect --public-key k4.public.…', 'whether that issuer signed it'],
      ]),
    )
    .action(async (key: string | undefined, flags: InspectFlags) => exit(await inspect(key, flags, io)));
}

async function mint(flags: MintFlags, io: CliIo): Promise<number> {
  const now = new Date();
  const secret = readIssuerSecret(flags.issuer, io);
  if (typeof secret !== 'string') return usageError(secret.problem, io);
  const request = keyRequest(flags, now);
  if ('problem' in request) return usageError(request.problem, io);
  const { MintError, mintKey } = await loadMint();
  let key: string;
  try {
    key = mintKey(secret, request.claims, request.options);
  } catch (error) {
    if (!(error instanceof MintError)) throw error;
    const { member, problem } = error;
    return usageError(member === null ? problem : `${flagFor(member)} ${problem}`, io);
  }
  const { inspectKey } = await loadInspectKey();
  const said = (await inspectKey(key, null)) as InspectedKey;
  if (flags.json === true) {
    writeJson({ key, ...keyReport(said, now.getTime()) }, io);
    return EXIT.ok;
  }
  io.stdout.write(`${key}\n`);
  // Beside the key, so that a script's variable holds the key alone.
  if (io.isTty) io.stderr.write(`shown this once; the id to deny it by is ${said.keyId}\n`);
  return EXIT.ok;
}

async function inspect(argument: string | undefined, flags: InspectFlags, io: CliIo): Promise<number> {
  const publicKey = flags.publicKey ?? null;
  const problem = publicKey === null ? null : checkPublicKey(publicKey);
  if (problem !== null) return usageError(`--public-key ${problem}`, io);
  const key = (argument === '-' ? await text(stdin) : (argument ?? io.env.WEIR_KEY ?? '')).trim();
  if (key === '')
    return usageError(
      'there is no key: give it as an argument, with - on standard input, or in WEIR_KEY',
      io,
    );
  const { inspectKey } = await loadInspectKey();
  const said = await inspectKey(key, publicKey);
  if (said instanceof KeyFault) {
    if (flags.json === true) writeJson({ state: said.kind, problem: said.detail }, io);
    else io.stderr.write(`weir key inspect: this key ${said.detail}\n`);
    return EXIT.failed;
  }
  const nowMs = Date.now();
  const signature = publicKey === null ? 'unchecked' : 'good';
  if (flags.json === true) writeJson({ ...keyReport(said, nowMs), signature }, io);
  else io.stdout.write(`${keyLines(said, nowMs, signature, io).join('\n')}\n`);
  return keyState(said, nowMs) === 'inForce' ? EXIT.ok : EXIT.failed;
}

function writeJson(report: object, io: CliIo): void {
  io.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}

function usageError(problem: string, io: CliIo): number {
  io.stderr.write(`error: ${problem}\n`);
  return EXIT.usage;
}
