import { parseInstant, parseSpan } from '../base/index.ts';
import { DIMENSIONS, type Dimension, type FactFilter, SUMMARY_ROWS_MAX } from '../store/index.ts';

/** Which facts are meant, in the words of the command line and of the ops API. */
export interface FilterWords {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly month?: string | undefined;
  readonly subject?: string | undefined;
  readonly key?: string | undefined;
  readonly provider?: string | undefined;
  readonly operation?: string | undefined;
  readonly model?: string | undefined;
}

/** A word that is wrong, and how: reads "<name> <problem>". */
export class WordFault {
  readonly name: string;
  readonly problem: string;

  constructor(name: string, problem: string) {
    this.name = name;
    this.problem = problem;
  }
}

export const FILTER_WORDS = [
  'since',
  'until',
  'month',
  'subject',
  'key',
  'provider',
  'operation',
  'model',
] as const;
const PLAIN_WORDS = ['subject', 'key', 'provider', 'operation', 'model'] as const;

const DAY = /^\d{4}-\d\d-\d\d$/;
const MONTH = /^(\d{4})-(0[1-9]|1[0-2])$/;

/** A word of a query that is not known, or stands there twice: what it would say must not be ignored. */
export function queryFault(query: URLSearchParams, known: readonly string[]): WordFault | null {
  for (const name of new Set(query.keys())) {
    if (!known.includes(name))
      return new WordFault(name.slice(0, 64), `is not known: expected ${known.join(', ')}`);
    if (query.getAll(name).length > 1) return new WordFault(name, 'is given twice');
  }
  return null;
}

/** The filter that words stand for. */
export function readFilter(words: FilterWords, nowMs: number): FactFilter | WordFault {
  const span = readSpan(words, nowMs);
  if (span instanceof WordFault) return span;
  const plain = PLAIN_WORDS.flatMap(name => (words[name] === undefined ? [] : [[name, words[name]]]));
  return { ...span, ...(Object.fromEntries(plain) as FactFilter) };
}

function readSpan({ since, until, month }: FilterWords, nowMs: number): FactFilter | WordFault {
  if (month !== undefined) {
    if (since !== undefined || until !== undefined)
      return new WordFault('month', 'stands for since and until: give it alone');
    const [, year, number] = MONTH.exec(month) ?? [];
    if (year === undefined) return new WordFault('month', `${month}: expected a month such as 2026-11`);
    return { sinceMs: Date.UTC(+year, +number! - 1), untilMs: Date.UTC(+year, +number!) };
  }
  const sinceMs = since === undefined ? undefined : pastMs(since, nowMs);
  const untilMs = until === undefined ? undefined : pastMs(until, nowMs);
  if (sinceMs === null) return new WordFault('since', `${since}: expected such as 7d, 2026-11-21 or a time`);
  if (untilMs === null) return new WordFault('until', `${until}: expected such as 7d, 2026-11-21 or a time`);
  return {
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

function pastMs(text: string, nowMs: number): number | null {
  const spanMs = parseSpan(text);
  if (spanMs !== null) return Math.max(0, nowMs - spanMs);
  const instant = parseInstant(DAY.test(text) ? `${text}T00:00:00Z` : text);
  return instant === null ? null : Math.max(0, Date.parse(instant));
}

/** What a summary can be split by, for people. */
export const DIMENSION_WORDS = `${DIMENSIONS.join(', ')}, tag:<name>`;

export const DEFAULT_DIMENSIONS: readonly Dimension[] = ['subject', 'model'];

/** What a summary is split by: names with commas between. */
export function readDimensions(text: string): readonly Dimension[] | WordFault {
  const names = text.split(',').map(name => name.trim());
  const tags = names.filter(name => /^tag:./.test(name));
  const known = DIMENSIONS.filter(dimension => names.includes(dimension));
  if (known.length + tags.length !== names.length || tags.length > 1)
    return new WordFault('by', `takes some of ${DIMENSION_WORDS}, each once, with commas between`);
  return names as Dimension[];
}

/** A number of rows, 1 to `max`. */
export function readRows(text: string, max: number = SUMMARY_ROWS_MAX): number | WordFault {
  const rows = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return rows < 1 || rows > max ? new WordFault('limit', `takes 1 to ${max}`) : rows;
}
