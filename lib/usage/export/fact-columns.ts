/** `text`: as it is. `json`: JSON text. `count`: a whole number that a double holds exactly. `time`: as facts write it, UTC to the millisecond. */
export type ColumnKind = 'text' | 'json' | 'count' | 'flag' | 'time';

export interface FactColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** Null is unknown. */
export type FactValue = string | number | boolean | null;

const KINDS: Readonly<Record<string, ColumnKind>> = {
  id: 'text',
  time: 'time',
  kind: 'text',
  requestId: 'text',
  upstreamRequestId: 'text',
  subject: 'text',
  keyId: 'text',
  auth: 'text',
  tags: 'json',
  provider: 'text',
  dialect: 'text',
  operation: 'text',
  method: 'text',
  path: 'text',
  status: 'count',
  outcome: 'text',
  errorCode: 'text',
  stream: 'flag',
  modelRequested: 'text',
  modelServed: 'text',
  finishReason: 'text',
  inputTokens: 'count',
  outputTokens: 'count',
  cachedInputTokens: 'count',
  cacheWriteTokens: 'count',
  reasoningTokens: 'count',
  audioTokens: 'count',
  measures: 'json',
  usageSource: 'text',
  usageNote: 'text',
  costNanos: 'count',
  costSource: 'text',
  priceVersion: 'text',
  reservedTokens: 'count',
  reservedNanos: 'count',
  chargedTokens: 'count',
  chargedNanos: 'count',
  routeName: 'text',
  routeTarget: 'text',
  routeReason: 'text',
  routeArm: 'text',
  routeRole: 'text',
  attempts: 'count',
  poolKey: 'text',
  queueMs: 'count',
  ttfbMs: 'count',
  durationMs: 'count',
  requestBytes: 'count',
  responseBytes: 'count',
  refusals: 'count',
};

/** Columns of an export, in this order. Of `route` its members stand for themselves. */
export const FACT_COLUMNS: readonly FactColumn[] = Object.entries(KINDS).map(([name, kind]) => ({
  name,
  kind,
}));

/** A flat object of strings. Within a string the quotes of its name would be escaped. */
const TAGS = /"tags":(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})/s;

const HOLDS: Readonly<Record<ColumnKind, (value: unknown) => boolean>> = {
  text: value => typeof value === 'string',
  json: value => typeof value === 'string',
  time: value => typeof value === 'string',
  count: value => Number.isSafeInteger(value),
  flag: value => typeof value === 'boolean',
};

/** The members of a fact's JSON text by column. What is absent or of another kind is null. */
export function factValues(fact: string): readonly FactValue[] {
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
  return FACT_COLUMNS.map(({ name, kind }) => {
    const value = name in special ? special[name] : members[name];
    return HOLDS[kind](value) ? (value as FactValue) : null;
  });
}
