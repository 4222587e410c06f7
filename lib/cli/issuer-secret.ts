import { readFileSync, statSync } from 'node:fs';
import type { CliIo } from './io.ts';

const FORM = 'k4.secret.';
const HINT =
  'with --issuer name the file that `weir issuer new` wrote, or set WEIR_ISSUER to file:PATH or to the k4.secret.… itself';

/**
 * The secret to sign keys with: from the file of `--issuer`, else from
 * WEIR_ISSUER, which is the secret itself or `file:PATH`. Never from an
 * argument: every user of a machine can list those.
 */
export function readIssuerSecret(file: string | undefined, io: CliIo): string | { readonly problem: string } {
  const variable = io.env.WEIR_ISSUER?.trim() ?? '';
  if (file?.startsWith(FORM) === true)
    return { problem: `--issuer takes a file: others can see what a program is given; ${HINT}` };
  if (file !== undefined) return readSecretFile(file, HINT, io);
  if (variable === '') return { problem: `there is no issuer to sign with: ${HINT}` };
  if (variable.startsWith(FORM)) return variable;
  if (variable.startsWith('file:')) return readSecretFile(variable.slice('file:'.length), HINT, io);
  return { problem: 'WEIR_ISSUER is neither file:PATH nor k4.secret.…' };
}

/** The `k4.secret.…` in a file; or what is wrong with the file, and the hint. */
export function readSecretFile(file: string, hint: string, io: CliIo): string | { readonly problem: string } {
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (!secret.startsWith(FORM)) return { problem: `the file ${file} holds no k4.secret.…: ${hint}` };
    // Windows has no permission bits.
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
      io.stderr.write(`warning: other users can read ${file}: chmod 600 it\n`);
    return secret;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    return { problem: `the file ${file} ${reason}: ${hint}` };
  }
}
