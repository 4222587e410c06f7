import type { Fact } from '../../lib/pipeline/index.ts';

/** A line of the log; what is not JSON has only its text. */
export interface LogLine {
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>> | null;
}

export function parseLogLine(text: string): LogLine {
  if (text.startsWith('{')) {
    try {
      return { text, json: JSON.parse(text) as Record<string, unknown> };
    } catch {
      return { text, json: null };
    }
  }
  return { text, json: null };
}

function isFact(value: unknown): value is Fact {
  return (
    typeof value === 'object' &&
    value !== null &&
    'outcome' in value &&
    'usageSource' in value &&
    'id' in value
  );
}

/** The fact a log line carries, as its members or under `fact`; null where none. */
export function factOf(line: LogLine): Fact | null {
  if (line.json === null) return null;
  if (isFact(line.json)) return line.json;
  return isFact(line.json.fact) ? line.json.fact : null;
}
