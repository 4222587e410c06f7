import type { Budget, Exchange, Fact } from '../../pipeline/index.ts';
import type { SpentScope } from '../../store/index.ts';
import type { BudgetRule } from './settings.ts';
import { compileRule } from './settings.ts';

/** A cap on one scope of an exchange. */
export interface Cap {
  readonly scope: SpentScope;
  readonly budget: Budget;
}

/** Narrowest first: a client is told of the one that it can do something about. */
const SCOPES: readonly SpentScope['of'][] = ['key', 'subject', 'tag', 'provider', 'all'];

export function narrowness({ of }: SpentScope): number {
  return SCOPES.indexOf(of);
}

interface Rule {
  readonly name: string | null;
  readonly of: SpentScope['of'];
  readonly tag: string;
  /** Null: each has an account of its own. */
  readonly is: string | null;
  readonly budget: Budget;
}

const EVERYBODY: SpentScope = Object.freeze({ of: 'all' });
const NO_CAPS: readonly Cap[] = Object.freeze([]);

/** Which budgets apply to an exchange. */
export class Rules {
  readonly #rules: readonly Rule[];
  readonly #tagsOf: (exchange: Exchange) => Fact['tags'];

  /** @param tagsOf the tags that the exchange's fact will have. */
  constructor(rules: readonly BudgetRule[], tagsOf: (exchange: Exchange) => Fact['tags']) {
    this.#rules = rules.map(rule => ({
      name: rule.name ?? null,
      of: rule.of,
      tag: rule.tag ?? '',
      is: rule.is ?? null,
      budget: compileRule(rule),
    }));
    this.#tagsOf = tagsOf;
  }

  /** Of the config and of the key itself. The same for an exchange whenever it is asked. */
  capsOf(exchange: Exchange): readonly Cap[] {
    const { keyId, grant } = exchange.principal!;
    const own = grant === null || keyId === null ? null : grant.budget;
    if (own === null && this.#rules.length === 0) return NO_CAPS;
    const caps: Cap[] = own === null ? [] : [{ scope: { of: 'key', is: keyId! }, budget: own }];
    for (const rule of this.#rules) {
      const scope = this.#scopeOf(rule, exchange);
      if (scope !== null) caps.push({ scope, budget: rule.budget });
    }
    return caps;
  }

  #scopeOf({ of, tag, is }: Rule, exchange: Exchange): SpentScope | null {
    if (of === 'all') return EVERYBODY;
    const value = this.#valueOf(of, tag, exchange);
    if (value === null || (is !== null && is !== value)) return null;
    return of === 'tag' ? { of, tag, is: value } : { of, is: value };
  }

  #valueOf(of: Exclude<SpentScope['of'], 'all'>, tag: string, exchange: Exchange): string | null {
    switch (of) {
      case 'key':
        return exchange.principal!.keyId;
      case 'subject':
        return exchange.principal!.subject;
      case 'provider':
        return exchange.provider!.name;
      case 'tag': {
        const tags = this.#tagsOf(exchange);
        return Object.hasOwn(tags, tag) ? tags[tag]! : null;
      }
    }
  }

  /** Those of the config that name one account. */
  get fixed(): readonly Cap[] {
    return this.#rules.flatMap(({ of, tag, is, budget }) => {
      if (of === 'all') return [{ scope: EVERYBODY, budget }];
      if (is === null) return [];
      return [{ scope: of === 'tag' ? { of, tag, is } : { of, is }, budget }];
    });
  }

  /** The rules of the config on an account. */
  on(
    scope: SpentScope,
    per: Budget['per'],
  ): readonly { readonly name: string | null; readonly budget: Budget }[] {
    return this.#rules.filter(({ of, tag, is, budget }) => {
      if (of !== scope.of || budget.per !== per || (scope.of === 'tag' && tag !== scope.tag)) return false;
      return is === null || (scope.of !== 'all' && is === scope.is);
    });
  }
}
