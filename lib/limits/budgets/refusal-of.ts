import { Refusal } from '../../errors/index.ts';
import type { SpentScope } from '../../store/index.ts';
import { type Account, type Amounts, exceeds } from './account.ts';
import { type Cap, narrowness } from './rules.ts';

/** A cap that there is no room under, and the account it is on. */
export interface Exhausted {
  readonly cap: Cap;
  readonly account: Account;
}

const RETRY_AFTER_MAX_SECONDS = 3600;

const WORDS: Readonly<Record<SpentScope['of'], string>> = {
  key: 'this key',
  subject: "this key's owner",
  tag: 'a tag of this request',
  provider: 'this provider',
  all: 'this gateway',
};

/**
 * The answer to a request for which there is no room, with the time at which
 * there is: of several budgets the last one's. It names the narrowest scope and
 * no amounts; the log has them.
 */
export function refusalOf(exhausted: readonly Exhausted[], wanted: Amounts, nowMs: number): Refusal {
  const [first] = exhausted.toSorted((a, b) => narrowness(a.cap.scope) - narrowness(b.cap.scope));
  const { cap, account } = first!;
  const whose = WORDS[cap.scope.of];
  const detail = exhausted.map(one => detailOf(one, wanted)).join('; ');
  const tooLarge = exhausted.find(one => exceeds(wanted, wanted, one.cap.budget));
  if (tooLarge !== undefined) {
    const message = `This request may use more than the whole budget of ${WORDS[tooLarge.cap.scope.of]}: state a smaller maximum of output tokens, or send less.`;
    return new Refusal('insufficient_quota', detail, 0, { message });
  }
  const isUsedUp = exceeds(account.spentWith({ requests: 1, tokens: 1, nanos: 1n }), wanted, cap.budget);
  const message = isUsedUp
    ? `The budget of ${whose} is used up.`
    : `What is left of the budget of ${whose} may not be enough for this request.`;
  const ends = exhausted.map(one => one.account.span.endMs);
  if (ends.includes(null)) return new Refusal('insufficient_quota', detail, 0, { message });
  const resetMs = Math.max(...(ends as number[]));
  const seconds = Math.min(RETRY_AFTER_MAX_SECONDS, Math.max(1, Math.ceil((resetMs - nowMs) / 1000)));
  const reset = new Date(resetMs).toISOString().replace('.000Z', 'Z');
  return new Refusal('insufficient_quota', detail, seconds, {
    message,
    fields: ['x-weir-budget-reset', reset],
  });
}

function detailOf({ cap: { scope, budget }, account }: Exhausted, wanted: Amounts): string {
  const { spent, reserved } = account;
  const parts = [
    ...(budget.requests === null
      ? []
      : [`${spent.requests} + ${reserved.requests} of ${budget.requests} requests`]),
    ...(budget.tokens === null
      ? []
      : [`${spent.tokens} + ${reserved.tokens} of ${budget.tokens} tokens, ${wanted.tokens} wanted`]),
    ...(budget.nanos === null
      ? []
      : [`${spent.nanos} + ${reserved.nanos} of ${budget.nanos} nano-USD, ${wanted.nanos} wanted`]),
  ];
  const tag = scope.of === 'tag' ? ` ${scope.tag}` : '';
  const is = scope.of === 'all' ? '' : ` ${scope.is}`;
  return `${scope.of}${tag}${is} per ${budget.per}: ${parts.join('; ')}`;
}
