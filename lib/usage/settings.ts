import type { StoreUrl } from '../store/index.ts';
import { type ArchiveSettings, archiveSchema } from './archive/settings.ts';
import { type SinkSettings, sinksSchema } from './sinks/settings.ts';
import { type SummarySettings, summariesSchema } from './summaries/settings.ts';

export interface UsageSettings {
  /** Folder of the journal, or `none`. */
  readonly journal: string;
  /** Where facts are summed up and kept for ever, or `none`. What came by reference may hold a password. */
  readonly store: StoreUrl;
  /** A file that gets a line per fact, for others to rotate and read. */
  readonly requestLog?: string;
  /** A list of prices in the form of LiteLLM's: a path, or an address. */
  readonly prices?: string;
  /** How often it is read again. */
  readonly pricesRefreshMs: number;
  /** Counts that no provider stated are estimated, and marked so. */
  readonly estimate: boolean;
  /** `none`, `batch`, or an interval such as `1s`. */
  readonly fsync: string;
  readonly onFull: 'serve' | 'refuse';
  readonly holdMs: number;
  readonly tagHeaders: readonly string[];
  /** How long after its end facts of a period may come, in milliseconds: for summaries and exports. */
  readonly graceMs: number;
  readonly summaries: readonly SummarySettings[];
  readonly archive?: ArchiveSettings;
  /** How long segments of the journal are kept after they were last written, in milliseconds. Absent: for ever. */
  readonly keepFor?: number;
  /** The oldest segments go while the journal is larger. Absent: it may grow. */
  readonly keepBytes?: number;
  readonly sinks?: SinkSettings;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** `none` and `batch` as they are, an interval in milliseconds. The schema admits nothing else. */
export function parseFsync(value: string): 'none' | 'batch' | number {
  if (value === 'none' || value === 'batch') return value;
  const [, count, unit] = /^(\d+)(ms|s|m)$/.exec(value)!;
  return Number(count) * UNIT_MS[unit!]!;
}

/** The JSON Schema of the section `usage`. */
export const usageSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    journal: {
      oneOf: [{ const: 'none' }, { type: 'string', minLength: 1, path: true }],
      default: './data/journal',
    },
    store: {
      default: 'sqlite:./data/weir.db',
      oneOf: [
        { secret: 'reference' },
        {
          type: 'string',
          pattern: '^(?:none|sqlite:.+|postgres(?:ql)?://.+)$',
          path: 'sqlite:',
          expects: 'none, a file such as sqlite:./data/weir.db, or postgres://USER@HOST/DATABASE',
        },
      ],
    },
    requestLog: { type: 'string', minLength: 1, path: true },
    prices: { type: 'string', minLength: 1, path: 'unless an address' },
    pricesRefreshMs: { duration: true, minimum: 60_000, maximum: 604_800_000, default: 86_400_000 },
    estimate: { type: 'boolean', default: false },
    fsync: {
      type: 'string',
      pattern: '^(?:none|batch|[1-9][0-9]{0,5}(?:ms|s|m))$',
      default: '1s',
      expects: 'none, batch, or an interval such as 1s',
    },
    onFull: { enum: ['serve', 'refuse'], default: 'serve' },
    holdMs: { type: 'integer', minimum: 1, maximum: 60_000, default: 100 },
    keepFor: { duration: true, minimum: 3_600_000, maximum: 315_360_000_000 },
    keepBytes: { bytes: true, minimum: 134_217_728, maximum: 1_125_899_906_842_624 },
    sinks: sinksSchema,
    tagHeaders: {
      type: 'array',
      maxItems: 32,
      items: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,63}$' },
      default: [],
    },
    graceMs: { duration: true, minimum: 60_000, maximum: 604_800_000, default: 7_200_000 },
    summaries: summariesSchema,
    archive: archiveSchema,
  },
};
