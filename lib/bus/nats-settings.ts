import type { Secret } from '../base/index.ts';

/** How to reach NATS. */
export interface NatsAccess {
  /** `nats://` or `tls://` addresses of one cluster; any may be tried first. */
  readonly servers: readonly string[];
  readonly user?: string;
  readonly password?: Secret;
  readonly token?: Secret;
  /** Content of a `.creds` file. */
  readonly credentials?: Secret;
  /** Seed of an NKey user (`SU…`). */
  readonly nkey?: Secret;
  /** Any member, or a `tls://` address, makes TLS a must. */
  readonly tls?: {
    /** PEM of the authorities to trust in place of the machine's. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: Secret;
  };
}

/** How to reach NATS, and which bucket to use there. */
export interface NatsSettings extends NatsAccess {
  readonly bucket: string;
}

/** How to reach NATS, and which stream to fill there. */
export interface NatsStreamSettings extends NatsAccess {
  readonly stream: string;
  /** What messages are published to; the stream holds it. */
  readonly subject: string;
}

/** A rule between settings was broken. */
export interface NatsFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const HOST = '(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]{2,45}\\])';
const PORT = '(?::[0-9]{1,5})?';

const NAME = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{1,64}$',
  expects: 'a name of letters, digits, _ and -',
};

/** JSON Schema of a section that names a NATS server, with this project's keywords (see lib/config). */
function accessSchema(more: object): object {
  return {
    type: 'object',
    additionalProperties: false,
    required: ['servers'],
    properties: {
      servers: {
        type: 'array',
        minItems: 1,
        maxItems: 32,
        items: {
          type: 'string',
          pattern: `^(?:nats|tls)://${HOST}${PORT}/?$`,
          expects:
            'nats://HOST:PORT or tls://HOST:PORT, without a user or password in it: these go into user and password',
        },
      },
      user: { type: 'string', minLength: 1, maxLength: 256 },
      password: { type: 'string', secret: true },
      token: { type: 'string', secret: true },
      credentials: { type: 'string', secret: true },
      nkey: { type: 'string', secret: true },
      tls: {
        type: 'object',
        additionalProperties: false,
        properties: {
          ca: { type: 'string', text: true },
          cert: { type: 'string', text: true },
          key: { type: 'string', secret: true },
        },
      },
      ...more,
    },
  };
}

/** The schema of `NatsSettings`. */
export function natsSchema(defaults: { readonly bucket: string }): object {
  return accessSchema({ bucket: { ...NAME, default: defaults.bucket } });
}

/** The schema of `NatsStreamSettings`. */
export function natsStreamSchema(defaults: { readonly stream: string; readonly subject: string }): object {
  return accessSchema({
    stream: { ...NAME, default: defaults.stream },
    subject: {
      type: 'string',
      pattern: '^[A-Za-z0-9_-]{1,64}(?:\\.[A-Za-z0-9_-]{1,64}){0,7}$',
      expects: 'words of letters, digits, _ and -, joined by dots',
      default: defaults.subject,
    },
  });
}

/** Rules between the members, which the schema cannot say. @param path where the section stands in the config. */
export function natsFaults(settings: NatsAccess, path: readonly (string | number)[]): readonly NatsFault[] {
  const faults: NatsFault[] = [];
  const refuse = (member: readonly string[], message: string): void => {
    faults.push({ path: [...path, ...member], message });
  };
  const ways = (['user', 'token', 'credentials', 'nkey'] as const).filter(way => settings[way] !== undefined);
  if (ways.length > 1) refuse([ways[1]!], `one way to log in is enough: there is ${ways[0]} already`);
  if (settings.user !== undefined && settings.password === undefined)
    refuse(['user'], 'a user needs a password');
  if (settings.password !== undefined && settings.user === undefined)
    refuse(['password'], 'a password needs a user');
  if (settings.tls?.cert !== undefined && settings.tls.key === undefined)
    refuse(['tls', 'cert'], 'a certificate needs its key');
  if (settings.tls?.key !== undefined && settings.tls.cert === undefined)
    refuse(['tls', 'key'], 'a key needs its certificate');
  settings.servers.forEach((server, i) => {
    const port = /:([0-9]+)\/?$/.exec(server)?.[1];
    if (port !== undefined && (Number(port) < 1 || Number(port) > 65535))
      faults.push({ path: [...path, 'servers', i], message: 'a port is between 1 and 65535' });
  });
  return faults;
}
