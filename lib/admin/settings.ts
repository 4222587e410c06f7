import type { Secret } from '../base/index.ts';
import type { SettingsFault } from '../config/index.ts';
import { ROLES, type Role } from '../pipeline/index.ts';

export interface AdminKeySettings {
  readonly key: Secret;
  readonly role: Role;
  /** What records call whoever holds it; without it role and place in the list. */
  readonly id?: string;
}

/** The `ops` section: a listener of its own for probes, metrics and admin calls. */
export interface OpsSettings {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Names under which it may be reached, besides addresses, `localhost` and `host`. */
  readonly hosts: readonly string[];
  readonly adminKeys: readonly AdminKeySettings[];
  /** Who may read `/metrics`: everybody who reaches the port, any admin key, or nobody. */
  readonly metrics: 'open' | 'viewer' | 'off';
}

/** Each call is compared with every key, so there are not many. */
const ADMIN_KEYS_MAX = 64;
const KEY_LENGTH_MIN = 16;
/** What a header field can carry. */
const VISIBLE_ASCII = /^[\x21-\x7e]*$/;

/** JSON Schema of the `ops` section, with the keywords of lib/config. */
export const opsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    host: { type: 'string', minLength: 1, default: '127.0.0.1' },
    port: { type: 'integer', minimum: 0, maximum: 65535, default: 8788 },
    hosts: {
      type: 'array',
      items: { type: 'string', pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$' },
      default: [],
    },
    adminKeys: {
      type: 'array',
      maxItems: ADMIN_KEYS_MAX,
      default: [],
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['key', 'role'],
        properties: {
          key: { type: 'string', secret: true },
          role: { enum: [...ROLES] },
          id: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
        },
      },
    },
    metrics: { enum: ['open', 'viewer', 'off'], default: 'open' },
  },
} as const;

/** The name of an admin key in records: `admin-2` is the second key of the list, whose role is admin. */
export function adminKeyId({ id, role }: AdminKeySettings, index: number): string {
  return id ?? `${role}-${index + 1}`;
}

/**
 * What no schema can say about the section.
 *
 * @param clientKeys keys of the data port: whoever holds one must not be an admin by it.
 */
export function opsFaults(ops: OpsSettings, clientKeys: readonly Secret[]): readonly SettingsFault[] {
  const faults: SettingsFault[] = [];
  const clients = new Set(clientKeys.map(key => key.reveal()));
  const values = new Set<string>();
  const ids = new Set<string>();
  ops.adminKeys.forEach((settings, i) => {
    const value = settings.key.reveal();
    const id = adminKeyId(settings, i);
    const refuse = (member: 'key' | 'id', message: string): void =>
      void faults.push({ path: ['ops', 'adminKeys', i, member], message });
    if (value.length < KEY_LENGTH_MIN)
      refuse('key', `an admin key must have at least ${KEY_LENGTH_MIN} characters`);
    else if (!VISIBLE_ASCII.test(value))
      refuse('key', 'an admin key consists of visible ASCII characters without spaces');
    else if (values.has(value)) refuse('key', 'two admin keys have the same value');
    else if (clients.has(value)) refuse('key', 'a key of a client cannot be an admin key');
    if (ids.has(id)) refuse('id', `the id ${id} is used twice`);
    values.add(value);
    ids.add(id);
  });
  if (ops.metrics === 'viewer' && ops.adminKeys.length === 0) {
    const message = 'metrics that need a key need one to be there: add ops.adminKeys';
    faults.push({ path: ['ops', 'metrics'], message });
  }
  return faults;
}
