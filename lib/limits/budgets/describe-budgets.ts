import type { BudgetRule, BudgetSettings } from './settings.ts';

/**
 * What budgets amount to, in lines for a person.
 *
 * @param keysMayBring keys may have one of their own.
 */
export function describeBudgets(
  { rules, unknownCost, onStoreDown }: BudgetSettings,
  keysMayBring: boolean,
): readonly string[] {
  return [
    ...rules.map(describeRule),
    ...(keysMayBring ? ['each key: what it says itself'] : []),
    `a model without a price under one in USD: ${unknownCost}; the store does not answer: ${onStoreDown}`,
  ];
}

function describeRule({ name, of, tag, is, usd, tokens, requests, per }: BudgetRule): string {
  const caps = [
    ...(usd === undefined ? [] : [`${usd} USD`]),
    ...(tokens === undefined ? [] : [`${tokens} tokens`]),
    ...(requests === undefined ? [] : [`${requests} requests`]),
  ].join(', ');
  const time = per === 'lifetime' ? 'ever' : `each ${per}`;
  return `${scopeOf(of, tag, is)}: ${caps} ${time}${name === undefined ? '' : ` (${name})`}`;
}

function scopeOf(of: BudgetRule['of'], tag: string | undefined, is: string | undefined): string {
  if (of === 'all') return 'everybody together';
  const kind = of === 'tag' ? `tag ${tag}` : of;
  return is === undefined ? `each ${of === 'tag' ? `value of the ${kind}` : kind}` : `${kind} ${is}`;
}
