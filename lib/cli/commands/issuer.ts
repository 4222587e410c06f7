import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { loadMint } from '../../keys/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { paintFor } from '../paint.ts';
import { tableLines } from '../table.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options {
  readonly out: string;
  readonly json?: true;
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EEXIST', 'is there already, and a key is never overwritten: name another file'],
  ['ENOENT', 'cannot be made: its folder does not exist'],
  ['ENOTDIR', 'cannot be made: its folder is a file'],
  ['EACCES', 'may not be written by this user'],
  ['EROFS', 'lies on a file system that is read-only'],
  ['ENOSPC', 'cannot be written: the disk is full'],
]);

/** `weir issuer new`: a signing key, its secret half to a file. */
export const addIssuer: AddVerb = (program, io, exit) => {
  const issuer = program
    .command('issuer')
    .description('make the key that signs virtual keys')
    .addHelpText(
      'after',
      examples([
        ['weir issuer new --out issuer.key', 'a signing key, and what to put into the config'],
        ['weir key mint --issuer issuer.key --subject alice --expires 30d', 'a first virtual key'],
      ]),
    );
  issuer
    .command('new')
    .description('make a signing key: the secret goes to a file, the public half into the config')
    .requiredOption('-o, --out <file>', 'where the secret is written (mode 0600); the file must not exist')
    .option('--json', 'print JSON')
    .addHelpText('after', examples([['weir issuer new --out issuer.key', 'and what to put into the config']]))
    .action(async (options: Options) => exit(await run(options, io)));
};

async function run({ out, json }: Options, io: CliIo): Promise<number> {
  const { newIssuer } = await loadMint();
  const { secretKey, publicKey, id } = newIssuer();
  const problem = writeSecret(out, secretKey);
  if (problem !== null) {
    io.stderr.write(`error: the file ${out} ${problem}\n`);
    return EXIT.failed;
  }
  const shown =
    json === true
      ? JSON.stringify({ id, publicKey, file: out }, null, 2)
      : textLines(out, publicKey, id, io).join('\n');
  io.stdout.write(`${shown}\n`);
  return EXIT.ok;
}

/** Null where the secret is in the file and on the disk; else what completes "the file …". */
function writeSecret(file: string, secret: string): string | null {
  let made = false;
  try {
    const fd = openSync(file, 'wx', 0o600);
    made = true;
    try {
      writeFileSync(fd, `${secret}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return null;
  } catch (error) {
    // Half a secret under this name would only stand in the way.
    if (made) unlinkSync(file);
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return REASONS.get(code) ?? `cannot be written (${code})`;
  }
}

function textLines(file: string, publicKey: string, id: string, io: CliIo): readonly string[] {
  const { strong } = paintFor(io);
  return [
    ...tableLines([
      ['secret', `${file}: whoever has it can make keys. The gateway does not need it.`],
      ['public key', publicKey],
      ['id', id],
    ]),
    '',
    strong('Into the config of the gateway:'),
    '',
    'auth:',
    '  issuers:',
    `    - publicKey: ${publicKey}`,
    '',
    strong('Then a key for somebody:'),
    '',
    `${io.invocation} key mint --issuer ${shellWord(file)} --subject alice --expires 30d`,
  ];
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
