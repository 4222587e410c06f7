import { formatQuantity } from '../config/index.ts';
import type { InspectedKey } from '../keys/index.ts';
import type { CliIo } from './io.ts';
import { paintFor } from './paint.ts';
import { plainText } from './plain-text.ts';
import { tableLines } from './table.ts';

export type KeyState = 'inForce' | 'notYetValid' | 'expired';

const UNITS: readonly (readonly [unit: Intl.RelativeTimeFormatUnit, ms: number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

/** By the times in the key alone: a gateway also allows for clocks that differ by half a minute. */
export function keyState({ issuedMs, notBeforeMs, expiresMs }: InspectedKey, nowMs: number): KeyState {
  if (nowMs >= expiresMs) return 'expired';
  return nowMs < Math.max(issuedMs, notBeforeMs ?? issuedMs) ? 'notYetValid' : 'inForce';
}

/** What a key says, for a script. Never the key. */
export function keyReport(key: InspectedKey, nowMs: number): object {
  return {
    state: keyState(key, nowMs),
    id: key.keyId,
    subject: key.subject,
    issuer: key.issuer,
    issued: utc(key.issuedMs),
    expires: utc(key.expiresMs),
    notBefore: key.notBeforeMs === null ? null : utc(key.notBeforeMs),
    iss: key.issuerName,
    audience: key.audience,
    prefix: key.prefix,
    grant: key.grant,
    tags: key.tags,
  };
}

/** The same for a person. */
export function keyLines(key: InspectedKey, nowMs: number, signature: string, io: CliIo): readonly string[] {
  const { good, bad, strong } = paintFor(io);
  const { grant } = key;
  const when = (atMs: number): string => `${utc(atMs)} (${relative(atMs - nowMs)})`;
  const state = keyState(key, nowMs);
  const facts: readonly (readonly [string, string | null])[] = [
    ['id', key.keyId],
    ['subject', key.subject],
    ['issued', when(key.issuedMs)],
    ['begins', key.notBeforeMs === null ? null : when(key.notBeforeMs)],
    [state === 'expired' ? 'expired' : 'expires', when(key.expiresMs)],
    ['issuer', key.issuer],
    ['iss', key.issuerName],
    ['audience', key.audience],
    ['prefix', key.prefix],
    ['signature', signature],
    [
      'tags',
      listed(
        Object.entries(key.tags).map(pair => pair.join('=')),
        null,
      ),
    ],
  ];
  const limits: readonly (readonly [string, string | null])[] = [
    ['providers', listed(grant.providers, 'all')],
    ['models', listed(grant.models, 'all')],
    ['operations', listed(grant.operations, 'the default set')],
    ['addresses', listed(grant.ips, 'all')],
    ['requests a minute', counted(grant.rpm)],
    ['tokens a minute', counted(grant.tpm)],
    ['requests at a time', counted(grant.concurrency)],
    ['budget', budgetWords(grant.budget)],
    ['request body', grant.bodyBytes === undefined ? null : formatQuantity('bytes', grant.bodyBytes)],
  ];
  const words = { inForce: good('in force'), notYetValid: bad('not yet valid'), expired: bad('expired') };
  return [
    `A key of ${strong(plainText(key.subject))}, ${words[state]}`,
    ...rows(facts),
    '',
    strong('May use'),
    ...rows(limits),
  ];
}

function rows(facts: readonly (readonly [string, string | null])[]): readonly string[] {
  const stated = facts.flatMap(([name, value]) => (value === null ? [] : [[name, plainText(value)]]));
  return tableLines(stated).map(line => `  ${line}`);
}

function utc(atMs: number): string {
  return new Date(atMs).toISOString().replace('.000Z', 'Z');
}

/** `in 30 days`, `2 hours ago`: whole units, the largest of which there is at least one. A hundredth that lacks is no matter: a key was minted a moment ago. */
function relative(spanMs: number): string {
  const found = UNITS.find(([, ms]) => Math.abs(spanMs) >= ms * 0.99);
  if (found === undefined) return 'now';
  const [unit, ms] = found;
  return new Intl.RelativeTimeFormat('en').format(Math.trunc(spanMs / ms + Math.sign(spanMs) * 0.01), unit);
}

function listed(list: readonly string[] | undefined, absent: string | null): string | null {
  if (list === undefined) return absent;
  return list.length === 0 ? (absent === null ? null : 'none') : list.join(', ');
}

function budgetWords(budget: InspectedKey['grant']['budget']): string | null {
  if (budget === undefined) return null;
  const { usd, tokens, requests, per } = budget;
  const amounts = [
    usd === undefined ? [] : [`${usd} USD`],
    tokens === undefined ? [] : [`${counted(tokens)} tokens`],
    requests === undefined ? [] : [`${counted(requests)} requests`],
  ].flat();
  return `${amounts.join(', ')} ${per === 'lifetime' ? 'in all' : `a ${per}`}`;
}

function counted(count: number | undefined): string | null {
  return count === undefined ? null : count.toLocaleString('en');
}
