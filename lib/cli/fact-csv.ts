/** Columns of the export, in this order. Of `route` its members stand for themselves. */
const COLUMNS = [
  'id',
  'time',
  'kind',
  'requestId',
  'upstreamRequestId',
  'subject',
  'keyId',
  'auth',
  'tags',
  'provider',
  'dialect',
  'operation',
  'method',
  'path',
  'status',
  'outcome',
  'errorCode',
  'stream',
  'modelRequested',
  'modelServed',
  'finishReason',
  'inputTokens',
  'outputTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'reasoningTokens',
  'audioTokens',
  'measures',
  'usageSource',
  'usageNote',
  'costNanos',
  'costSource',
  'priceVersion',
  'reservedTokens',
  'reservedNanos',
  'chargedTokens',
  'chargedNanos',
  'routeName',
  'routeTarget',
  'routeReason',
  'routeArm',
  'routeRole',
  'attempts',
  'poolKey',
  'queueMs',
  'ttfbMs',
  'durationMs',
  'requestBytes',
  'responseBytes',
  'refusals',
] as const;

/** What makes a spreadsheet take a cell for a formula, at its beginning. */
const FORMULA = /^[=+\-@\t\r\n]/;
const QUOTED = /[",\r\n]/;
/** A flat object of strings. Within a string the quotes of its name would be escaped. */
const TAGS = /"tags":(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})/s;
const LINE_END = '\r\n';

/** The head line of a CSV of facts (RFC 4180). */
export const CSV_HEAD = COLUMNS.join(',') + LINE_END;

/**
 * One fact as a line of CSV. Unknown is an empty cell. A text that a
 * spreadsheet would run as a formula has an apostrophe before it.
 */
export function csvLine(fact: string): string {
  const members = JSON.parse(fact) as Record<string, unknown>;
  const route = (members.route ?? {}) as Record<string, unknown>;
  const special: Readonly<Record<string, unknown>> = {
    // As they stand: their names are other people's, and stay what they were.
    tags: TAGS.exec(fact)?.[1],
    measures: JSON.stringify(members.measures),
    routeName: route.name,
    routeTarget: route.target,
    routeReason: route.reason,
    routeArm: route.arm,
    routeRole: route.role,
  };
  return COLUMNS.map(name => cell(name in special ? special[name] : members[name])).join(',') + LINE_END;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
