import type { Degradation, Metric } from '../../pipeline/index.ts';
import { DENY_SOURCES } from './deny-book.ts';
import type { DenyParts } from './deny-parts.ts';

/** NATS out of reach for less is nobody's concern. */
const STALE_MS = 60_000;

function single(name: string, type: Metric['type'], help: string, value: () => number): Metric {
  return { name, type, help, labels: [], read: () => [{ labels: {}, value: value() }] };
}

export function denyMetrics(parts: DenyParts): readonly Metric[] {
  const { set, nats, snapshot } = parts;
  return [
    {
      name: 'weir_deny_entries',
      type: 'gauge',
      help: 'Entries of the deny set by source.',
      labels: ['source'],
      read: () => DENY_SOURCES.map(source => ({ labels: { source }, value: set.count(source) })),
    },
    single(
      'weir_deny_capacity',
      'gauge',
      'Entries that can be in force: deny.maxEntries.',
      () => parts.table.prints.maxEntries,
    ),
    single(
      'weir_deny_waiting',
      'gauge',
      'Entries that are not in force because the deny set is full.',
      () => parts.table.waiting,
    ),
    ...(snapshot === null
      ? []
      : [
          single(
            'weir_deny_snapshot_failing',
            'gauge',
            '1 while the deny set cannot be written to disk.',
            () => Number(snapshot.problem !== null),
          ),
        ]),
    ...(nats === null
      ? []
      : [
          single(
            'weir_deny_age_seconds',
            'gauge',
            'Time since the deny set was last known to be that of NATS.',
            () => ageMs(parts) / 1000,
          ),
          single('weir_deny_nats_connected', 'gauge', '1 while NATS is connected.', () =>
            Number(nats.isConnected),
          ),
          single(
            'weir_deny_unreadable_total',
            'counter',
            'Entries of the bucket that could not be read; they deny all the same.',
            () => nats.unreadable,
          ),
        ]),
  ];
}

function ageMs({ nats, house }: DenyParts): number {
  return nats === null ? 0 : Math.max(0, house.clock.wallMs() - nats.currentMs);
}

/** What an operator should look at. */
export function denyDegraded(parts: DenyParts): readonly Degradation[] {
  const { file, nats, snapshot, damage, table, settings } = parts;
  const found: Degradation[] = [];
  const say = (code: string, message: string, refuses = false): void => {
    found.push({ code, message, refuses });
  };
  if (file !== null && file.problem !== null)
    say('deny_file_broken', `the deny file is not in force as it is: ${file.problem}`);
  if (nats !== null && !nats.isSeeded) {
    const { requireSeed } = settings;
    const effect = requireSeed ? 'virtual keys are refused' : 'a key that is denied there is accepted';
    say('deny_unseeded', `the bucket ${nats.bucketName} was never read in full: ${effect}`, requireSeed);
  }
  if (nats !== null && ageMs(parts) > STALE_MS) {
    const refuses = settings.maxStaleness !== undefined && ageMs(parts) >= settings.maxStaleness;
    const effect = refuses ? 'virtual keys are refused' : 'what was denied since is accepted';
    say(
      'deny_stale',
      `NATS is out of reach since ${new Date(nats.currentMs).toISOString()}: ${effect}`,
      refuses,
    );
  }
  if (nats !== null && nats.unreadableNow > 0)
    say(
      'deny_unreadable',
      `${nats.unreadableNow} entries of the NATS bucket ${nats.bucketName} cannot be read: write them anew or remove them`,
    );
  if (table.waiting > 0)
    say(
      'deny_full',
      `${table.waiting} entries are not in force: raise deny.maxEntries (${table.prints.maxEntries})`,
    );
  else if (table.isFull)
    say('deny_full', `the deny set is full: raise deny.maxEntries (${table.prints.maxEntries})`);
  if (damage !== null) say('deny_snapshot_damaged', `the deny snapshot ${damage}`);
  if (snapshot !== null && snapshot.problem !== null)
    say('deny_snapshot_failing', `the deny set cannot be written to ${snapshot.path}: ${snapshot.problem}`);
  return found;
}
