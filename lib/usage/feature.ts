import type { Degradation, Feature, House, Installed, Warning } from '../pipeline/index.ts';
import { Journal } from './journal.ts';
import { JournalClaim } from './journal-claim.ts';
import { recoverJournal } from './journal-recovery.ts';
import { openRecordOf } from './open-record.ts';
import { startShipping } from './start-shipping.ts';
import { tagsOf } from './tags-of.ts';

export interface UsageSettings {
  /** Folder of the journal, or `none`. */
  readonly journal: string;
  /** Where facts are summed up and kept for ever, or `none`. */
  readonly store: 'none' | `sqlite:${string}`;
  /** A price file in the format of LiteLLM's. */
  readonly prices?: string;
  /** `none`, `batch`, or an interval such as `1s`. */
  readonly fsync: string;
  readonly onFull: 'serve' | 'refuse';
  readonly holdMs: number;
  readonly tagHeaders: readonly string[];
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** `none` and `batch` as they are, an interval in milliseconds. The schema admits nothing else. */
export function parseFsync(value: string): 'none' | 'batch' | number {
  if (value === 'none' || value === 'batch') return value;
  const [, count, unit] = /^(\d+)(ms|s|m)$/.exec(value)!;
  return Number(count) * UNIT_MS[unit!]!;
}

async function install(settings: UsageSettings, house: House): Promise<Installed> {
  const { journal: folder, store } = settings;
  const warn = (warning: Warning): void => house.warn(warning);
  if (folder === 'none') return store === 'none' ? {} : startShipping(store, null, warn);
  const claim = await claimJournal(folder, house);
  const journal = openJournal(settings, house, claim);
  const shipping = store === 'none' ? null : startShipping(store, folder, warn);
  const recovered = recoverJournal({
    folder,
    boot: house.boot,
    warn,
  });
  return {
    sinks: [journal],
    holdsEnd: true,
    opened: exchange => journal.open(openRecordOf(exchange, tagsOf(exchange, settings.tagHeaders))),
    blockedBy: () => (settings.onFull === 'refuse' && journal.failing ? 'journal_unavailable' : null),
    losesFacts: () => journal.failing,
    degraded: () => [...(journal.failing ? [failingJournal(settings)] : []), ...(shipping?.degraded() ?? [])],
    metrics: shipping?.metrics ?? [],
    close: async () => {
      await recovered;
      await journal.close();
      if (journal.isWhole) claim.settle();
      else claim.leave();
      await shipping?.close();
    },
  };
}

async function claimJournal(folder: string, house: House): Promise<JournalClaim> {
  const claim = await JournalClaim.create(folder, house);
  if (!claim.isHeld)
    house.warn({
      code: 'journal_unlocked',
      message: `Files in ${folder} cannot be locked: no other process may write a journal there.`,
    });
  return claim;
}

function openJournal(settings: UsageSettings, house: House, claim: JournalClaim): Journal {
  try {
    return new Journal({
      folder: settings.journal,
      instance: house.instance,
      boot: house.boot,
      worker: 0,
      fsync: parseFsync(settings.fsync),
      holdMs: settings.holdMs,
      onFull: settings.onFull,
      warn: warning => house.warn(warning),
    });
  } catch (error) {
    claim.settle();
    throw error;
  }
}

function failingJournal({ journal, onFull }: UsageSettings): Degradation {
  const refuses = onFull === 'refuse';
  return { code: 'journal_failing', message: `the journal in ${journal} cannot be written`, refuses };
}

/** The `usage` section: facts that survive the process. Without it facts go to the log and the `fact` event only. */
export const usageFeature: Feature<UsageSettings> = {
  section: 'usage',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      journal: {
        oneOf: [{ const: 'none' }, { type: 'string', minLength: 1, path: true }],
        default: './data/journal',
      },
      store: {
        type: 'string',
        pattern: '^(?:none|sqlite:.+)$',
        default: 'sqlite:./data/weir.db',
        path: 'sqlite:',
        expects: 'none, or a file such as sqlite:./data/weir.db',
      },
      prices: { type: 'string', minLength: 1, path: true },
      fsync: {
        type: 'string',
        pattern: '^(?:none|batch|[1-9][0-9]{0,5}(?:ms|s|m))$',
        default: '1s',
        expects: 'none, batch, or an interval such as 1s',
      },
      onFull: { enum: ['serve', 'refuse'], default: 'serve' },
      holdMs: { type: 'integer', minimum: 1, maximum: 60_000, default: 100 },
      tagHeaders: {
        type: 'array',
        maxItems: 32,
        items: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,63}$' },
        default: [],
      },
    },
  },
  describe: ({ journal, store, fsync, onFull }) => [
    journal === 'none'
      ? 'no journal'
      : `one fact a line in ${journal}, fsync ${fsync}; when it cannot be written: ${onFull}`,
    store === 'none' ? 'no store' : `summed up in ${store}`,
  ],
  install,
};
