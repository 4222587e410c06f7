import type { Feature, House, Installed } from '../pipeline/index.ts';
import { openLedger } from '../store/index.ts';
import { type JournalPart, openJournal } from './open-journal.ts';
import type { UsageHouse, UsagePart } from './part.ts';
import { type UsageSettings, usageSchema } from './settings.ts';
import { startShipping } from './start-shipping.ts';

/** Whatever the section asks for beside the journal. */
function startParts(house: UsageHouse): readonly UsagePart[] {
  const { ledger } = house;
  return ledger === null ? [] : [startShipping(ledger, house)];
}

async function install(settings: UsageSettings, house: House): Promise<Installed> {
  const journal = settings.journal === 'none' ? null : await openJournal(settings, house);
  const ledger = settings.store === 'none' ? null : openLedger(settings.store);
  const parts = startParts({
    house,
    ledger,
    flushed: journal?.flushed ?? null,
    journal: journal === null ? null : settings.journal,
  });
  const close = async (): Promise<void> => {
    await journal?.close();
    await Promise.all(parts.map(part => part.close?.()));
    await ledger?.close();
  };
  return { ...joined(journal, parts), ...(ledger === null ? {} : { ledger }), close };
}

function joined(journal: JournalPart | null, parts: readonly UsagePart[]): Omit<Installed, 'close'> {
  const all: readonly (JournalPart | UsagePart)[] = journal === null ? parts : [journal, ...parts];
  return {
    ...(journal === null ? {} : { holdsEnd: true, opened: journal.opened, blockedBy: journal.blockedBy }),
    sinks: all.flatMap(({ sinks }) => sinks ?? []),
    losesFacts: () => all.some(part => part.losesFacts?.() === true),
    degraded: () => all.flatMap(part => part.degraded?.() ?? []),
    routes: parts.flatMap(({ routes }) => routes ?? []),
    caughtUp: async () => (await Promise.all(parts.map(part => part.caughtUp?.() ?? true))).every(Boolean),
    metrics: parts.flatMap(({ metrics }) => metrics ?? []),
  };
}

/** The `usage` section: facts that survive the process. Without it facts go to the log and the `fact` event only. */
export const usageFeature: Feature<UsageSettings> = {
  section: 'usage',
  schema: usageSchema,
  describe: ({ journal, store, fsync, onFull }) => [
    journal === 'none'
      ? 'no journal'
      : `one fact a line in ${journal}, fsync ${fsync}; when it cannot be written: ${onFull}`,
    store === 'none' ? 'no store' : `summed up in ${store}`,
  ],
  install,
};
