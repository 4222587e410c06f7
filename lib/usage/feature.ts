import type { Feature, House, Installed } from '../pipeline/index.ts';
import { type Ledger, openLedger } from '../store/index.ts';
import { type JournalPart, openJournal } from './open-journal.ts';
import type { UsageHouse, UsagePart } from './part.ts';
import { type UsageSettings, usageSchema } from './settings.ts';
import { startShipping } from './start-shipping.ts';

/** Whatever the section asks for beside the journal. */
async function startParts(settings: UsageSettings, house: UsageHouse): Promise<readonly UsagePart[]> {
  const { ledger } = house;
  if (ledger === null) return [];
  const shipping = startShipping(ledger, house);
  return [shipping, ...(await startPeriodic(settings, ledger, house, () => shipping.isCurrent()))];
}

/** What is done whenever a period is over. */
async function startPeriodic(
  { store, summaries, archive, graceMs }: UsageSettings,
  ledger: Ledger,
  { house }: UsageHouse,
  isCurrent: () => boolean,
): Promise<readonly UsagePart[]> {
  const parts: UsagePart[] = [];
  if (summaries.length > 0) {
    const { startSummaries } = await import('./summaries/start-summaries.ts');
    parts.push(startSummaries(summaries, ledger, house, { graceMs, isCurrent }));
  }
  if (archive !== undefined && store !== 'none') {
    const { startArchive } = await import('./archive/start-archive.ts');
    parts.push(startArchive(archive, ledger, house, { store, graceMs, isCurrent }));
  }
  return parts;
}

async function install(settings: UsageSettings, house: House): Promise<Installed> {
  const journal = settings.journal === 'none' ? null : await openJournal(settings, house);
  const ledger = settings.store === 'none' ? null : openLedger(settings.store);
  const lent = { house, ledger, journal: journal === null ? null : settings.journal };
  const parts = await startParts(settings, lent);
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
    metrics: parts.flatMap(({ metrics }) => metrics ?? []),
    retire: () => {
      for (const part of parts) part.retire?.();
    },
  };
}

/** The `usage` section: facts that survive the process. Without it facts go to the log and the `fact` event only. */
export const usageFeature: Feature<UsageSettings> = {
  section: 'usage',
  schema: usageSchema,
  describe: ({ journal, store, fsync, onFull, summaries, archive }) => [
    journal === 'none'
      ? 'no journal'
      : `one fact a line in ${journal}, fsync ${fsync}; when it cannot be written: ${onFull}`,
    store === 'none' ? 'no store' : `summed up in ${store}`,
    ...summaries.map(({ name, every, url }) => `summary ${name} of every ${every} to ${new URL(url).host}`),
    ...(archive === undefined ? [] : [`every ${archive.every} to the bucket ${archive.s3.bucket}`]),
  ],
  install,
};
