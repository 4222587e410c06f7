import type { Degradation, House, Installed, Metric } from '../pipeline/index.ts';
import { Journal } from './journal.ts';
import { JournalClaim } from './journal-claim.ts';
import { recoverJournal } from './journal-recovery.ts';
import { openRecordOf } from './open-record.ts';
import { parseFsync, type UsageSettings } from './settings.ts';
import { tagsOf } from './tags-of.ts';

/** What the journal brings: the sink that ends of messages wait for, and what earlier runs left unsaid. */
export interface JournalPart
  extends Required<
    Pick<
      Installed,
      'sinks' | 'holdsEnd' | 'opened' | 'blockedBy' | 'losesFacts' | 'metrics' | 'degraded' | 'close'
    >
  > {
  /** See `Journal`. */
  firstNeeded(): number;
}

export async function openJournal(settings: UsageSettings, house: House): Promise<JournalPart> {
  const { journal: folder, onFull, tagHeaders } = settings;
  const claim = await claimFolder(folder, house);
  const journal = createJournal(settings, house, claim);
  let lost = 0;
  const recovered = recoverJournal({
    folder,
    boot: house.boot,
    warn: warning => house.warn(warning),
  }).then(found => {
    lost = found.lost;
  });
  return {
    sinks: [journal],
    holdsEnd: true,
    opened: exchange => journal.open(openRecordOf(exchange, tagsOf(exchange, tagHeaders))),
    blockedBy: () => (onFull === 'refuse' && journal.failing ? 'journal_unavailable' : null),
    losesFacts: () => journal.failing,
    metrics: metricsOf(journal, () => lost),
    firstNeeded: () => journal.firstNeeded,
    degraded: () => (journal.failing ? [failing(settings)] : []),
    close: async () => {
      await recovered;
      await journal.close();
      if (journal.isWhole) claim.settle();
      else claim.leave();
    },
  };
}

function metricsOf(journal: Journal, lost: () => number): readonly Metric[] {
  const counter = (name: string, help: string, value: () => number): Metric => ({
    name,
    type: 'counter',
    help,
    labels: [],
    read: () => [{ labels: {}, value: value() }],
  });
  return [
    counter(
      'weir_lost_exchanges_total',
      'Exchanges that a crash of an earlier run cut, put on record as lost by this one.',
      lost,
    ),
    counter(
      'weir_journal_dropped_facts_total',
      'Facts that the journal could not keep.',
      () => journal.dropped,
    ),
  ];
}

async function claimFolder(folder: string, house: House): Promise<JournalClaim> {
  const claim = await JournalClaim.create(folder, house);
  if (!claim.isHeld)
    house.warn({
      code: 'journal_unlocked',
      message: `Files in ${folder} cannot be locked: no other process may write a journal there.`,
    });
  return claim;
}

function createJournal(settings: UsageSettings, house: House, claim: JournalClaim): Journal {
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

function failing({ journal, onFull }: UsageSettings): Degradation {
  const refuses = onFull === 'refuse';
  return { code: 'journal_failing', message: `the journal in ${journal} cannot be written`, refuses };
}
