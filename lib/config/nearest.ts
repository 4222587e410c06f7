const MAX_COMPARED_LENGTH = 64;

/**
 * The option a person most likely meant by `name`: the same but for case,
 * dashes and underscores, at most two typing slips away, or one the start of
 * the other. Null when nothing is near.
 */
export function nearest(name: string, options: Iterable<string>): string | null {
  if (name === '' || name.length > MAX_COMPARED_LENGTH) return null;
  let best: string | null = null;
  let bestScore = Number.POSITIVE_INFINITY;
  for (const option of options) {
    const score = distanceScore(name, option);
    if (score < bestScore) {
      best = option;
      bestScore = score;
    }
  }
  return best;
}

function distanceScore(name: string, option: string): number {
  const a = fold(name);
  const b = fold(option);
  if (a === b) return 0;
  if (b.length > MAX_COMPARED_LENGTH) return Number.POSITIVE_INFINITY;
  const slips = editDistance(a, b);
  const shorter = Math.min(a.length, b.length);
  if (slips <= maxSlips(shorter)) return slips;
  const isPrefix = shorter >= 3 && (a.startsWith(b) || b.startsWith(a));
  return isPrefix ? 3 + Math.abs(a.length - b.length) / MAX_COMPARED_LENGTH : Number.POSITIVE_INFINITY;
}

/** Two slips make any short word into any other. */
function maxSlips(length: number): number {
  if (length < 2) return 0;
  return length <= 3 ? 1 : 2;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Optimal string alignment: insert, delete, replace, or swap two neighbours. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforeLast[j - 2]! + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
