import type { PricedUsage } from '../../pipeline/index.ts';
import type { RateName, Rates } from './rates.ts';

/** So many of what one rate is for. */
export interface Amount {
  readonly name: RateName;
  /** Null where it may have been used and nobody said how much. */
  readonly count: number | null;
  /** False for what is paid for in another way where it has no rate: the images of a model that bills tokens. */
  readonly isOwed: boolean;
}

const owed = (name: RateName, count: number | null): Amount => ({ name, count, isOwed: true });
const optional = (name: RateName, count: number | null): Amount => ({ name, count, isOwed: false });

/**
 * Splits what was used into parts with a rate each, so that no token is counted
 * twice: the facts' input holds the cached and written ones, their output holds
 * reasoning. Null where the counts contradict each other or do not say enough
 * to be split.
 */
export function amountsOf(used: PricedUsage, rates: Rates): readonly Amount[] | null {
  if (hasUnseenPasses(used)) return null;
  const input = inputAmounts(used, rates);
  const output = outputAmounts(used, rates);
  if (input === null || output === null) return null;
  const { measures } = used;
  return [
    ...input,
    ...output,
    owed('webSearch', measures.webSearches ?? 0),
    owed('searchUnit', measures.searchUnits ?? null),
    optional('characters', measures.characters ?? null),
    optional('audioSecond', measures.audioMs ?? null),
    optional('image', measures.images ?? null),
    owed('request', 'request' in rates ? 1 : 0),
  ];
}

/**
 * Passes that the totals leave out are billed too, perhaps to another model and
 * with cached tokens of their own: of them only the sums are known.
 */
function hasUnseenPasses({ inputTokens, outputTokens, measures }: PricedUsage): boolean {
  const { iterationInputTokens, iterationOutputTokens } = measures;
  return (
    (iterationInputTokens !== undefined && iterationInputTokens !== inputTokens) ||
    (iterationOutputTokens !== undefined && iterationOutputTokens !== outputTokens)
  );
}

function inputAmounts(used: PricedUsage, rates: Rates): readonly Amount[] | null {
  const { measures } = used;
  // The provider's own word for what is paid for.
  if (measures.billedInputTokens !== undefined) return [owed('input', measures.billedInputTokens)];
  const cached = used.cachedInputTokens ?? 0;
  const written = used.cacheWriteTokens ?? 0;
  const written1h = measures.cacheWrite1hTokens ?? 0;
  const audio = measures.audioInputTokens ?? 0;
  const image = rates.imageInput === undefined ? 0 : (measures.imageInputTokens ?? 0);
  // Which of the cached tokens are audio or images is not said.
  if (cached + written > 0 && audio + image > 0) return null;
  const plain = rest(used.inputTokens, cached + written + audio + image);
  if (written1h > written || plain === 'contradiction') return null;
  return [
    owed('input', plain),
    owed('cachedInput', cached),
    // A write whose lifetime is not said counts as five minutes, the default of the wire that tells them apart.
    owed('cacheWrite5m', written - written1h),
    owed('cacheWrite1h', written1h),
    owed('audioInput', audio),
    owed('imageInput', image),
  ];
}

function outputAmounts(used: PricedUsage, rates: Rates): readonly Amount[] | null {
  const { measures, outputTokens } = used;
  if (measures.billedOutputTokens !== undefined) return [owed('output', measures.billedOutputTokens)];
  const audio = measures.audioOutputTokens ?? 0;
  const image = rates.imageOutput === undefined ? 0 : (measures.imageOutputTokens ?? 0);
  // Audio of which nobody said whether it came or went.
  if ((used.audioTokens ?? 0) > (measures.audioInputTokens ?? 0) + audio) return null;
  // Some providers count reasoning again, to more than the whole output.
  const reasoning =
    rates.reasoning === undefined || outputTokens === null
      ? 0
      : Math.min(used.reasoningTokens ?? 0, outputTokens);
  const plain = rest(outputTokens, reasoning + audio + image);
  if (plain === 'contradiction') return null;
  return [
    owed('output', plain),
    owed('reasoning', reasoning),
    owed('audioOutput', audio),
    owed('imageOutput', image),
  ];
}

/** What is left of a whole besides its parts. */
function rest(whole: number | null, parts: number): number | null | 'contradiction' {
  if (whole === null) return null;
  return parts > whole ? 'contradiction' : whole - parts;
}
