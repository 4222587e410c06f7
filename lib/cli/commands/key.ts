import { stdin } from 'node:process';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { checkPublicKey, type InspectedKey, KeyFault, loadInspectKey, loadMint } from '../../keys/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { readIssuerSecret } from '../issuer-secret.ts';
import { flagFor, type KeyFlags, keyRequest, withGrantOptions } from '../key-flags.ts';
import { keyLines, keyReport, keyState } from '../key-report.ts';
import { type AddVerb, examples } from '../verb.ts';
import { addKeyRecords } from './key-records.ts';

interface MintFlags extends KeyFlags {
  readonly issuer?: string;
  readonly json?: true;
}

interface InspectFlags {
  readonly publicKey?: string;
  readonly json?: true;
}

/** `weir key`: virtual keys, made and read with no gateway, or on record at one. */
export const addKey: AddVerb = (program, io, exit) => {
  const key = program
    .command('key')
    .description('make a virtual key, show what one says, or keep keys on record at a gateway')
    .addHelpText(
      'after',
      examples([
        ['weir key mint --issuer issuer.key --subject alice --expires 30d', 'prints the key, once'],
        ['weir key create --subject alice --name laptop', 'made and put on record by a gateway'],
        ['weir key list', 'the keys on record: of whom, in which state, last used when'],
        ['weir key inspect -', 'reads a key from standard input and says what it may do'],
      ]),
    );
  addMint(key, io, exit);
  addInspect(key, io, exit);
  addKeyRecords(key, io, exit);
};

function addMint(key: Command, io: CliIo, exit: (status: number) => void): void {
  withGrantOptions(key.command('mint'))
    .description('make a virtual key and print it, once; nothing is stored anywhere')
    .option('--issuer <file>', 'the secret that weir issuer new wrote (or WEIR_ISSUER in the environment)')
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
