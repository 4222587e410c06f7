import { type NatsSettings, natsSchema } from '../../bus/index.ts';

/** The `deny` section. Paths are absolute, durations milliseconds. */
export interface DenySettings {
  /** A YAML list of entries, watched. */
  readonly file?: string;
  /** Where the set outlives the process, or `none`. */
  readonly snapshot: string;
  readonly nats?: NatsSettings;
  readonly maxEntries: number;
  /** A denial also ends exchanges that are running. */
  readonly cutStreams: boolean;
  /** Without a snapshot, virtual keys wait for the first full read of NATS. */
  readonly requireSeed: boolean;
  /** Virtual keys are refused once NATS was out of reach for so long. Absent: never. */
  readonly maxStaleness?: number;
}

export const MAX_ENTRIES_DEFAULT = 1_000_000;

export const denySchema: object = {
  type: 'object',
  additionalProperties: false,
  properties: {
    file: { type: 'string', minLength: 1, path: true },
    snapshot: {
      oneOf: [{ const: 'none' }, { type: 'string', minLength: 1, path: true }],
      default: './data/deny.snapshot',
    },
    nats: natsSchema({ bucket: 'weir-deny' }),
    maxEntries: { type: 'integer', minimum: 1000, maximum: 16_000_000, default: MAX_ENTRIES_DEFAULT },
    cutStreams: { type: 'boolean', default: false },
    requireSeed: { type: 'boolean', default: false },
    maxStaleness: { duration: true, minimum: 10_000, maximum: 31_536_000_000 },
  },
};

export function describeDeny(settings: DenySettings): readonly string[] {
  const { file, snapshot, nats, maxEntries, cutStreams, requireSeed, maxStaleness } = settings;
  const kept = snapshot === 'none' ? 'kept in memory only' : `kept in ${snapshot}`;
  return [
    `up to ${maxEntries} entries, ${kept}; a denial ${cutStreams ? 'also ends' : 'does not end'} running exchanges`,
    ...(file === undefined ? [] : [`entries of ${file}, which is watched`]),
    ...(nats === undefined
      ? []
      : [
          `entries of the NATS bucket ${nats.bucket} at ${nats.servers.join(', ')}`,
          `before it was first read in full, virtual keys are ${requireSeed ? 'refused, unless there is a snapshot' : 'accepted'}`,
          `while it is out of reach, virtual keys are ${maxStaleness === undefined ? 'accepted' : `refused after ${maxStaleness / 1000} s`}`,
        ]),
  ];
}
