import type { Fact } from '../pipeline/index.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

function tokens(count: number | null): string {
  return count === null ? '?' : String(count);
}

/** USD × 10⁹ in dollars, to the last digit. */
function dollars(nanos: number): string {
  const fraction = String(nanos % 1e9)
    .padStart(9, '0')
    .replace(/0{1,7}$/, '');
  return `$${Math.floor(nanos / 1e9)}.${fraction}`;
}

function duration(ms: number | null): string {
  if (ms === null) return '?';
  return ms < 10_000 ? `${ms}ms` : `${(ms / 1000).toFixed(1)}s`;
}

/** One fact as a line for people: what was asked, how it ended, what it used. */
export function factLine(fact: Fact): string {
  // On record before it happened: how it ended and what it took is not known.
  if (fact.kind === 'admin') return plain(['admin', fact.method ?? '?', fact.path ?? '?']);
  const parts = [
    fact.status === null ? '---' : String(fact.status),
    fact.method ?? '?',
    fact.path ?? '(no target)',
  ];
  const model = fact.modelServed ?? fact.modelRequested;
  if (model !== null) parts.push(model);
  if (fact.usageSource !== 'none')
    parts.push(`${tokens(fact.inputTokens)}→${tokens(fact.outputTokens)} tokens`);
  if (fact.costNanos !== null) parts.push(dollars(fact.costNanos));
  parts.push(duration(fact.durationMs));
  if (fact.outcome !== 'complete') parts.push(fact.outcome);
  if (fact.errorCode !== null) parts.push(fact.errorCode);
  if (fact.refusals !== null) parts.push(`×${fact.refusals}`);
  return plain(parts);
}

/** The client chose some of these words: none may begin a line or move a cursor. */
function plain(parts: readonly string[]): string {
  return parts.join('  ').replace(CONTROL, '?');
}
