import { DEPTH_MAX, type SketchShape } from '../base/index.ts';
import { type NatsSettings, natsSchema } from '../bus/index.ts';
import { LIMIT_MAX } from './dimension.ts';

/** The members of the config section `limits` that are this room's. Absent: not limited. */
export interface LimitSettings {
  /** Of every key that does not say otherwise itself. */
  readonly perKey?: { readonly rpm?: number; readonly tpm?: number; readonly concurrency?: number };
  /** Of all keys of a subject together. */
  readonly perSubject?: { readonly rpm?: number; readonly tpm?: number };
  readonly perAddress?: { readonly rpm?: number };
  /** Of everybody together. */
  readonly global?: { readonly rpm?: number };
  /** Whether answers say how near the limits of their key are. */
  readonly headers: boolean;
  readonly sketch: SketchShape;
  readonly nats?: FleetSettings;
}

/** Where several instances hold limits together. */
export interface FleetSettings extends NatsSettings {
  readonly subject: string;
}

const count = { type: 'integer', minimum: 1, maximum: LIMIT_MAX };

function group(...members: string[]): object {
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(members.map(member => [member, count])),
  };
}

function fleetSchema(): object {
  const nats = natsSchema({ bucket: 'weir-limits' }) as { properties: object };
  return {
    ...nats,
    properties: {
      ...nats.properties,
      subject: {
        type: 'string',
        pattern: '^[A-Za-z0-9_-]{1,64}(?:\\.[A-Za-z0-9_-]{1,64}){0,7}$',
        expects: 'words of letters, digits, _ and -, joined by dots',
        default: 'weir.limits',
      },
    },
  };
}

const powersOfTwo = (from: number, to: number): number[] =>
  Array.from({ length: Math.log2(to / from) + 1 }, (_, i) => from * 2 ** i);

/** The JSON Schema of these members. */
export const limitsProperties = {
  perKey: group('rpm', 'tpm', 'concurrency'),
  perSubject: group('rpm', 'tpm'),
  perAddress: group('rpm'),
  global: group('rpm'),
  headers: { type: 'boolean', default: false },
  sketch: {
    type: 'object',
    additionalProperties: false,
    default: {},
    properties: {
      width: {
        enum: powersOfTwo(1024, 1_048_576),
        default: 65_536,
        expects: 'a power of two from 1024 to 1048576',
      },
      depth: { type: 'integer', minimum: 1, maximum: DEPTH_MAX, default: 4 },
    },
  },
  nats: fleetSchema(),
};
