import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProviderRow } from '../../lib/providers/index.ts';
import { catalogue } from './compiled.ts';

/** What the tests here need to know of a recorded answer. */
export interface RecordedCase {
  readonly id: string;
  readonly provider: string;
  readonly dialect: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly hasUsage: boolean;
}

/** The cases of the folder that WEIR_STREAMS names, or null without it. */
export function recordedCases(): readonly RecordedCase[] | null {
  const folder = process.env.WEIR_STREAMS;
  if (folder === undefined || folder === '') return null;
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => {
      const text = readFileSync(join(folder, entry.name, 'case.json'), 'utf8');
      const stated = JSON.parse(text) as Omit<RecordedCase, 'id' | 'hasUsage'> & { expected: unknown };
      return { ...stated, id: entry.name, hasUsage: stated.expected !== null };
    });
}

/** The row of a name as people use it. */
export function rowOf(known: string): readonly [name: string, row: ProviderRow] | undefined {
  return [...catalogue.rows].find(([name, row]) => name === known || row.aliases?.includes(known) === true);
}
