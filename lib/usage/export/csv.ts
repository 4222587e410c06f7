import { FACT_COLUMNS, type FactValue, factValues } from './fact-columns.ts';

/** What makes a spreadsheet take a cell for a formula, at its beginning. */
const FORMULA = /^[=+\-@\t\r\n]/;
const QUOTED = /[",\r\n]/;
const LINE_END = '\r\n';

/** One line of a CSV (RFC 4180). Unknown is an empty cell. A text that a spreadsheet would run as a formula has an apostrophe before it. */
export function csvLine(cells: readonly (FactValue | bigint)[]): string {
  return cells.map(cell).join(',') + LINE_END;
}

function cell(value: FactValue | bigint): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The head line of a CSV of facts. */
export const FACT_CSV_HEAD = csvLine(FACT_COLUMNS.map(({ name }) => name));

/** A fact's JSON text as a line of CSV. */
export function factCsvLine(fact: string): string {
  return csvLine(factValues(fact));
}
