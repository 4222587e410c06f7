import { rename } from 'node:fs/promises';
import type { House } from '../../pipeline/index.ts';
import { DenyFault } from './deny-fault.ts';
import type { DenySet } from './deny-set.ts';
import { type Restored, restoreAll, restoreLocal } from './restore.ts';
import type { DenySettings } from './settings.ts';
import { readSnapshot, SnapshotFile } from './snapshot-file.ts';
import type { Snapshot } from './snapshot-format.ts';

export interface OpenedSnapshot {
  readonly file: SnapshotFile | null;
  readonly restored: Restored;
  /** Why the file that was there could not be used, or null. */
  readonly damage: string | null;
}

const NOTHING: Restored = { file: null, nats: null, adopted: 0 };

/**
 * Puts the snapshot of the settings in force and keeps it from now on.
 *
 * @param isReload the set is in force already: of the file, only what it alone can know is added.
 * @throws {DenyFault} for a damaged one, where no bucket has what it had.
 */
export async function openSnapshot(
  settings: DenySettings,
  house: House,
  set: DenySet,
  isReload: boolean,
): Promise<OpenedSnapshot> {
  const { snapshot: path } = settings;
  if (path === 'none') return { file: null, restored: NOTHING, damage: null };
  const read = await readSnapshot(path);
  const damage = typeof read === 'string' ? read : null;
  if (damage !== null) await putAside(settings, house, damage);
  const saved = typeof read === 'string' ? null : read;
  const restored = saved === null ? NOTHING : await restore(saved, settings, house, set, isReload);
  tellAdopted(house, restored.adopted);
  const warn = house.warn.bind(house);
  const file = new SnapshotFile({ path, set, clock: house.clock, warn });
  // What was acknowledged before a reload is in another file: this one must have it before it counts.
  const problem = isReload ? await file.save() : null;
  if (problem !== null) {
    await file.close(true);
    throw new DenyFault(`The deny set cannot be written to ${path}: ${problem}`);
  }
  if (saved === null || restored.adopted > 0) file.changed();
  return { file, restored, damage };
}

export function tellAdopted(house: House, count: number): void {
  if (count === 0) return;
  const message = `${count} entries of a NATS bucket that is no longer configured stay denied, as the gateway's own: weir deny list shows them, weir deny remove removes them.`;
  house.warn({ code: 'deny_entries_adopted', message });
}

async function restore(
  saved: Snapshot,
  settings: DenySettings,
  { clock }: House,
  set: DenySet,
  isReload: boolean,
): Promise<Restored> {
  if (!isReload) return restoreAll(saved, set, settings, clock.wallMs());
  await restoreLocal(saved, set, clock.wallMs());
  return NOTHING;
}

/** A damaged snapshot is no empty set: either the bucket has it all, or somebody must decide. */
async function putAside({ snapshot: path, nats }: DenySettings, house: House, damage: string): Promise<void> {
  if (nats === undefined) {
    throw new DenyFault(
      `The deny snapshot ${path} ${damage}. Keys that were denied through the ops API may be in no other place: restore the file from a backup, or remove it if you accept that they are valid again.`,
    );
  }
  const aside = `${path}.damaged`;
  try {
    await rename(path, aside);
  } catch (error) {
    throw new DenyFault(
      `The deny snapshot ${path} ${damage}, and cannot be put aside: ${(error as Error).message}`,
    );
  }
  const message = `The deny snapshot ${path} ${damage}. It was put aside as ${aside}; the bucket ${nats.bucket} is read in full. What only this gateway had denied may be missing: weir deny list.`;
  house.warn({ code: 'deny_snapshot_damaged', message });
}
