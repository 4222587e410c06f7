import type { Feature, House, Installed } from '../pipeline/index.ts';
import { openLedger, placeOf } from '../store/index.ts';
import { auditRoutes } from './audit-routes.ts';
import { originOf } from './journal-folder.ts';
import { startRetention } from './journal-retention.ts';
import { type JournalPart, openJournal } from './open-journal.ts';
import type { ReadingPart, UsageHouse, UsagePart } from './part.ts';
import { startRequestLog } from './request-log.ts';
import { type UsageSettings, usageSchema } from './settings.ts';
import { startShipping } from './start-shipping.ts';
import { UnpricedWatch } from './unpriced-watch.ts';
import { usageRoutes } from './usage-routes.ts';

/** Whatever the section asks for beside the journal, into `parts` as each has begun. */
async function startParts(
  settings: UsageSettings,
  house: UsageHouse,
  journal: JournalPart | null,
  parts: UsagePart[],
): Promise<void> {
  const { requestLog } = settings;
  const { ledger } = house;
  const shipping = ledger === null ? null : startShipping(ledger, house);
  parts.push({ sinks: [new UnpricedWatch(warning => house.house.warn(warning))] });
  if (ledger !== null)
    parts.push({ routes: [...usageRoutes(ledger, house.house.clock), ...auditRoutes(ledger.register)] });
  if (shipping !== null) {
    parts.push(shipping);
    parts.push(...(await startPeriodic(settings, house, () => shipping.caughtUp())));
  }
  if (requestLog !== undefined) parts.push(startRequestLog(requestLog, house));
  if (journal !== null)
    parts.push(...(await startReaders(settings, house, journal, shipping === null ? [] : [shipping])));
}

/** What is done whenever a period is over. */
async function startPeriodic(
  { store, summaries, archive, graceMs }: UsageSettings,
  { house, ledger }: UsageHouse,
  caughtUp: () => Promise<boolean>,
): Promise<readonly UsagePart[]> {
  const parts: UsagePart[] = [];
  if (ledger === null || store === 'none') return parts;
  if (summaries.length > 0) {
    const { startSummaries } = await import('./summaries/start-summaries.ts');
    parts.push(startSummaries(summaries, ledger, house, { graceMs, caughtUp }));
  }
  if (archive !== undefined) {
    const { startArchive } = await import('./archive/start-archive.ts');
    parts.push(startArchive(archive, ledger, house, { store, graceMs, caughtUp }));
  }
  return parts;
}

/** What reads the journal beside `reading`, and what may be removed of it when all have. */
async function startReaders(
  { sinks, keepFor, keepBytes, journal: folder }: UsageSettings,
  { house }: UsageHouse,
  journal: JournalPart,
  reading: readonly ReadingPart[],
): Promise<readonly UsagePart[]> {
  const all = [...reading];
  const started: UsagePart[] = [];
  if (sinks !== undefined) {
    const { startSinks } = await import('./sinks/start-sinks.ts');
    const part = await startSinks(sinks, folder, house);
    all.push(part);
    started.push(part);
  }
  if (keepFor === undefined && keepBytes === undefined) return started;
  const retention = startRetention({
    folder,
    origin: originOf(house),
    firstNeeded: () => journal.firstNeeded(),
    readers: all.flatMap(({ readers }) => readers),
    keepMs: keepFor ?? null,
    keepBytes: keepBytes ?? null,
    clock: house.clock,
  });
  return [...started, retention];
}

/** What the section brings. */
interface UsageInstalled extends Installed {
  /** Told where those keep their journal who are to take its place. */
  precede(journal: string): void;
}

async function install(
  settings: UsageSettings,
  house: House,
  before: Installed | null,
): Promise<UsageInstalled> {
  const journal = settings.journal === 'none' ? null : await openJournal(settings, house);
  const ledger = settings.store === 'none' ? null : openLedger(settings.store);
  const lent = {
    house,
    ledger,
    flushed: journal?.flushed ?? null,
    journal: journal === null ? null : settings.journal,
  };
  const parts: UsagePart[] = [];
  const close = async (): Promise<void> => {
    await journal?.close();
    await Promise.all(parts.map(part => part.close?.()));
    await ledger?.close();
  };
  try {
    await startParts(settings, lent, journal, parts);
  } catch (error) {
    // The folder's claim, above all, must not outlive a reload that fails.
    await close();
    throw error;
  }
  (before as UsageInstalled | null)?.precede(settings.journal);
  let nextJournal = 'none';
  return {
    ...joined(journal, parts),
    keepsFacts: journal !== null || ledger !== null || settings.requestLog !== undefined,
    ...(ledger === null ? {} : { ledger }),
    precede: next => {
      nextJournal = next;
    },
    retire: () => {
      for (const part of parts) part.retire?.(nextJournal === settings.journal);
    },
    close,
  };
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
    metrics: all.flatMap(({ metrics }) => metrics ?? []),
  };
}

/** The `usage` section: facts that survive the process. Without it facts go to the log and the `fact` event only. */
export const usageFeature: Feature<UsageSettings> = {
  section: 'usage',
  schema: usageSchema,
  describe: ({ journal, store, fsync, onFull, sinks, prices, estimate, summaries, archive }) => [
    journal === 'none'
      ? 'no journal'
      : `one fact a line in ${journal}, fsync ${fsync}; when it cannot be written: ${onFull}`,
    store === 'none' ? 'no store' : `summed up in ${placeOf(store)}`,
    ...summaries.map(({ name, every, url }) => `summary ${name} of every ${every} to ${new URL(url).host}`),
    ...(archive === undefined ? [] : [`every ${archive.every} to the bucket ${archive.s3.bucket}`]),
    ...(sinks?.nats === undefined ? [] : [`sent to the stream ${sinks.nats.stream} of NATS`]),
    ...(sinks?.webhooks ?? []).map(({ name, url }) => `sent to the webhook ${name} (${new URL(url).host})`),
    ...(prices === undefined ? [] : [`prices of ${prices.replace(/\?.*/, '')}`]),
    ...(estimate ? ['tokens that no provider states are estimated'] : []),
  ],
  outline: ({ journal }) => ({ holdsEnd: journal !== 'none' }),
  install,
};
