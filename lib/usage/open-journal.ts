import type { Degradation, House, Installed } from '../pipeline/index.ts';
import { Journal } from './journal.ts';
import { JournalClaim } from './journal-claim.ts';
import { recoverJournal } from './journal-recovery.ts';
import { openRecordOf } from './open-record.ts';
import { parseFsync, type UsageSettings } from './settings.ts';
import { tagsOf } from './tags-of.ts';

/** What the journal brings: the sink that ends of messages wait for, and what earlier runs left unsaid. */
export interface JournalPart
  extends Required<
    Pick<Installed, 'sinks' | 'holdsEnd' | 'opened' | 'blockedBy' | 'losesFacts' | 'degraded' | 'close'>
  > {
  /** All facts taken so far are in the journal's files, and those of exchanges that earlier runs left open; false where the disk does not take them. */
  flushed(): Promise<boolean>;
}

export async function openJournal(settings: UsageSettings, house: House): Promise<JournalPart> {
  const { journal: folder, onFull, tagHeaders } = settings;
  const claim = await claimFolder(folder, house);
  const journal = createJournal(settings, house, claim);
  const recovered = recoverJournal({ folder, boot: house.boot, warn: warning => house.warn(warning) });
  return {
    sinks: [journal],
    holdsEnd: true,
    opened: exchange => journal.open(openRecordOf(exchange, tagsOf(exchange, tagHeaders))),
    blockedBy: () => (onFull === 'refuse' && journal.failing ? 'journal_unavailable' : null),
    losesFacts: () => journal.failing,
    degraded: () => (journal.failing ? [failing(settings)] : []),
    flushed: async () => {
      await recovered;
      return journal.flushed();
    },
    close: async () => {
      await recovered;
      await journal.close();
      if (journal.isWhole) claim.settle();
      else claim.leave();
    },
  };
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
