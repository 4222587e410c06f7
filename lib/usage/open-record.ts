import type { Exchange, Fact } from '../pipeline/index.ts';
import { BLANK_FACT, NO_CHARGE } from './blank-fact.ts';
import { requestTokens } from './estimate-usage.ts';
import { CRC_END_BYTES, LINE_START, OPEN_START, sealedLine } from './journal-line.ts';

/** What is known when an exchange first goes upstream. What budgets reserved stands as charged: so a crash leaves it. */
const KNOWN = [
  'id',
  'time',
  'kind',
  'requestId',
  'subject',
  'keyId',
  'auth',
  'tags',
  'provider',
  'dialect',
  'operation',
  'method',
  'path',
  'stream',
  'modelRequested',
  'attempts',
  'poolKey',
  'queueMs',
  'requestBytes',
  'reservedTokens',
  'reservedNanos',
  'chargedTokens',
  'chargedNanos',
] as const;

type Known = (typeof KNOWN)[number];

/** The journal's record of an exchange under way. `v`, `open` and `id` come first, in this order. */
export interface OpenRecord extends Pick<Fact, Known>, Partial<EstimatedInput> {
  readonly v: 1;
  readonly open: true;
}

/** What a `lost` fact has beside that. */
const LOST_MEMBERS = lostMembers(KNOWN);

/** What is estimated of the request, behind what is known of it: with it the record ends so. */
type EstimatedInput = Pick<Fact, 'inputTokens' | 'usageSource' | 'usageNote'>;

const ESTIMATED_END = '"usageSource":"estimated","usageNote":"inputEstimated"';
const LOST_ESTIMATED_MEMBERS = lostMembers([...KNOWN, 'inputTokens', 'usageSource', 'usageNote']);

function lostMembers(known: readonly string[]): string {
  const others = Object.entries({ ...BLANK_FACT, outcome: 'lost' }).filter(([name]) => !known.includes(name));
  return JSON.stringify(Object.fromEntries(others)).slice(1);
}

/** Of an exchange at its first dispatch. */
export function openRecordOf(exchange: Exchange, tags: Fact['tags'] | null): OpenRecord {
  const { principal, endpoint, startedMs, dispatchedMs } = exchange;
  return {
    v: 1,
    open: true,
    id: exchange.id,
    time: new Date(exchange.startedWallMs).toISOString(),
    kind: 'request',
    requestId: exchange.requestId,
    subject: principal?.subject ?? null,
    keyId: principal?.keyId ?? null,
    auth: principal?.auth ?? 'none',
    tags: tags ?? principal?.tags ?? BLANK_FACT.tags,
    provider: exchange.provider?.name ?? null,
    dialect: endpoint?.name ?? null,
    operation: endpoint?.operation ?? null,
    method: exchange.req.method ?? null,
    path: exchange.target?.path ?? null,
    stream: exchange.streamRequested === true,
    modelRequested: exchange.modelRequested,
    attempts: exchange.attempts,
    poolKey: exchange.poolKey?.id ?? null,
    queueMs: dispatchedMs === null ? null : Math.max(0, Math.round(dispatchedMs - startedMs)),
    requestBytes: exchange.requestBytes,
    ...(exchange.charge ?? NO_CHARGE),
    // Last: so the record ends, see `lostLine`.
    ...estimatedInput(exchange),
  };
}

/** Nothing unless usage is estimated: of a request that a crash cuts off, its text is all there is to go by. */
function estimatedInput(exchange: Exchange): EstimatedInput | null {
  const inputTokens = requestTokens(exchange);
  return inputTokens === null ? null : { inputTokens, usageSource: 'estimated', usageNote: 'inputEstimated' };
}

/**
 * The line of the fact that stands where an exchange was begun (`open` is its
 * whole line, without the end) and never settled. The members keep their
 * bytes: nothing is parsed on the way.
 */
export function lostLine(open: Buffer): string {
  const known = open.toString('utf8', OPEN_START.length, open.length - CRC_END_BYTES);
  const members = known.endsWith(ESTIMATED_END) ? LOST_ESTIMATED_MEMBERS : LOST_MEMBERS;
  return sealedLine(`${LINE_START}${known},${members}`);
}
