import type { AdmitStage, Principal, Stage } from '../pipeline/index.ts';
import { AddressRate } from './address-rate.ts';
import { Concurrency } from './concurrency.ts';
import type { Counts } from './counts.ts';
import type { Dimension, DimensionName } from './dimension.ts';
import { EVERYBODY } from './names.ts';
import { RequestRate } from './request-rate.ts';
import type { Rule } from './rule.ts';
import type { LimitSettings } from './settings.ts';
import { TokenRate } from './token-rate.ts';

export interface LimitStages {
  readonly stages: readonly Stage[];
  readonly admitStages: readonly AdmitStage[];
  /** Whether `exchange.maxOutputTokens` is asked for. */
  readonly readsOutputLimit: boolean;
}

/** The stages that config or keys can make use of, on counts that are there already or begin now. */
export function limitStages(settings: LimitSettings, counts: Counts, grantsMayLimit: boolean): LimitStages {
  const { perKey = {}, perSubject = {}, perAddress = {}, global = {}, headers } = settings;
  const { names } = counts;
  const open = (name: DimensionName): Dimension =>
    counts.dimension(name, settings.sketch, settings.nats !== undefined);
  const concurrencyOf = ({ grant }: Principal) => grant?.concurrency ?? perKey.concurrency ?? null;

  const rates = [
    ...(perKey.rpm !== undefined || grantsMayLimit
      ? [keyRule(open('keyRequests'), counts, ({ grant }) => grant?.rpm ?? perKey.rpm ?? null)]
      : []),
    ...(perSubject.rpm !== undefined ? [subjectRule(open('subjectRequests'), counts, perSubject.rpm)] : []),
    ...(global.rpm !== undefined ? [globalRule(open('globalRequests'), global.rpm)] : []),
  ];
  const tokens = [
    ...(perKey.tpm !== undefined || grantsMayLimit
      ? [keyRule(open('keyTokens'), counts, ({ grant }) => grant?.tpm ?? perKey.tpm ?? null)]
      : []),
    ...(perSubject.tpm !== undefined ? [subjectRule(open('subjectTokens'), counts, perSubject.tpm)] : []),
  ];
  const mayBeTakenBack = (principal: Principal): boolean =>
    tokens.some(rule => rule.limitOf(principal) !== null);
  return {
    stages: [
      ...(perKey.concurrency !== undefined || grantsMayLimit
        ? [new Concurrency(counts.concurrency, counts.concurrencySeed, names, concurrencyOf)]
        : []),
      ...(rates.length > 0 ? [new RequestRate(rates, headers, mayBeTakenBack)] : []),
      ...(tokens.length > 0 ? [new TokenRate(tokens, headers)] : []),
    ],
    admitStages:
      perAddress.rpm !== undefined ? [new AddressRate(open('addressRequests'), names, perAddress.rpm)] : [],
    readsOutputLimit: tokens.length > 0,
  };
}

function keyRule(dimension: Dimension, { names }: Counts, limitOf: Rule['limitOf']): Rule {
  return { label: 'key', dimension, nameOf: exchange => names.key(exchange), limitOf, isShown: true };
}

function subjectRule(dimension: Dimension, { names }: Counts, limit: number): Rule {
  const nameOf: Rule['nameOf'] = exchange => names.subject(exchange);
  return { label: 'subject', dimension, nameOf, limitOf: () => limit, isShown: true };
}

function globalRule(dimension: Dimension, limit: number): Rule {
  return { label: 'gateway', dimension, nameOf: () => EVERYBODY, limitOf: () => limit, isShown: false };
}
