import type { Command } from 'commander';
import { MOMENT_WORDS, parseMoment } from '../base/index.ts';
import { parseQuantity } from '../config/index.ts';
import type { KeyClaims, MintOptions } from '../keys/index.ts';

/** The flags of `weir key mint` and `weir key create` that say what the key shall be. */
export interface KeyFlags {
  readonly subject: string;
  readonly expires: string;
  readonly notBefore?: string;
  readonly maxLifetime?: string;
  readonly id?: string;
  readonly iss?: string;
  readonly audience?: string;
  readonly prefix?: string;
  readonly provider?: readonly string[];
  readonly model?: readonly string[];
  readonly operation?: readonly string[];
  readonly ip?: readonly string[];
  readonly tag?: readonly string[];
  readonly rpm?: string;
  readonly tpm?: string;
  readonly concurrency?: string;
  readonly bodyBytes?: string;
}

interface Request {
  readonly claims: KeyClaims;
  readonly options: MintOptions;
}

/** Members of `KeyClaims` and the flags that set them, where the names differ. */
const FLAG_NAMES: ReadonlyMap<string, string> = new Map([
  ['issuer', 'iss'],
  ['notBefore', 'not-before'],
  ['providers', 'provider'],
  ['models', 'model'],
  ['operations', 'operation'],
  ['ips', 'ip'],
  ['tags', 'tag'],
  ['bodyBytes', 'body-bytes'],
]);

/** The flag that sets a member of `KeyClaims` or `MintOptions`. */
export function flagFor(member: string): string {
  return `--${FLAG_NAMES.get(member) ?? member}`;
}

/** Flags for who a key is for and what it may do, wherever it is made. */
export function withGrantOptions(command: Command): Command {
  const repeatable = (value: string, earlier: string[] = []): string[] => [...earlier, value];
  return command
    .requiredOption('--subject <name>', 'who it is for')
    .option('--expires <when>', MOMENT_WORDS, '30d')
    .option('--not-before <when>', 'when it begins; likewise')
    .option('--provider <name>', 'may use this provider (repeatable; without it all of them)', repeatable)
    .option('--model <pattern>', "may use such models, as 'gpt-*' or 'lab/gpt-*' (repeatable)", repeatable)
    .option('--operation <name>', 'may do this, as chat or embedding (repeatable)', repeatable)
    .option('--ip <range>', 'may come from this address or range (repeatable)', repeatable)
    .option('--rpm <count>', 'requests a minute')
    .option('--tpm <count>', 'tokens a minute')
    .option('--concurrency <count>', 'requests at a time')
    .option('--body-bytes <size>', 'size of a request body, as 1MiB')
    .option('--tag <name=value>', 'goes into the usage facts (repeatable)', repeatable)
    .option('--id <id>', 'the name by which it can be denied; without it a random one');
}

/** What `mintKey` is to be asked for. Only what it cannot see is judged here: texts that are no number, time or pair. */
export function keyRequest(flags: KeyFlags, now: Date): Request | { readonly problem: string } {
  const { subject, id, iss: issuer, audience, prefix } = flags;
  const { provider: providers, model: models, operation: operations, ip: ips } = flags;
  const moment = (text: string | undefined) => (text === undefined ? text : parseMoment(text, now.getTime()));
  const expires = moment(flags.expires);
  if (expires === null) return { problem: `--expires is not ${MOMENT_WORDS}` };
  const notBefore = moment(flags.notBefore);
  if (notBefore === null) return { problem: `--not-before is not ${MOMENT_WORDS}` };
  const latest = moment(flags.maxLifetime);
  if (latest === null) return { problem: '--max-lifetime is not a span such as 365d' };
  const bodyBytes = flags.bodyBytes === undefined ? undefined : sizeOf(flags.bodyBytes);
  if (bodyBytes === null) return { problem: '--body-bytes is not a size such as 1MiB or 500kB' };
  const tags = flags.tag === undefined ? undefined : tagsOf(flags.tag);
  if (typeof tags === 'string') return { problem: tags };
  const [rpm, tpm, concurrency] = [flags.rpm, flags.tpm, flags.concurrency].map(countOf);
  const maxLifetimeMs = latest === undefined ? undefined : Date.parse(latest) - now.getTime();
  const grant = { providers, models, operations, ips, rpm, tpm, concurrency, bodyBytes };
  return {
    claims: stated({ subject, id, expires, notBefore, issuer, audience, tags, ...grant }) as KeyClaims,
    options: stated({ now, prefix, maxLifetimeMs }) as MintOptions,
  };
}

function stated(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function sizeOf(text: string): number | null {
  return parseQuantity('bytes', /^\d+$/.test(text) ? Number(text) : text);
}

/** `mintKey` refuses NaN as it refuses 0. */
function countOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** The tags, or what is wrong with them. */
function tagsOf(pairs: readonly string[]): Readonly<Record<string, string>> | string {
  const tags = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) return `--tag '${pair}' is not name=value`;
    const name = pair.slice(0, equals);
    if (tags.has(name)) return `--tag ${name} is given twice`;
    tags.set(name, pair.slice(equals + 1));
  }
  return Object.fromEntries(tags);
}
