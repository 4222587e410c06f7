import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Test } from 'tap';
import { mintKey, newIssuer } from '../../lib/keys/token/mint.ts';
import { type Exchanged, exchange, type RequestParts } from '../client/index.ts';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { startWeir, type WeirProcess } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import type { Canary } from './canary.ts';
import { Lab } from './lab.ts';

/** Keys with the characters that encodings change. */
export const KEYS = {
  openai1: 'sk-CANARY/7f3a+9c51e0d84b26=Qx7',
  openai2: 'sk-CANARY/b2d9+04e8a71c3f65=Lm3',
  anthropic: 'sk-ant-CANARY/61c8+2ea90b7d54=Rt9',
  google: 'AIzaCANARY_5e07-a1d93cb8264fVk2',
  unreachable: 'sk-CANARY/c40f+9d2b8e7165a3=Ws6',
  awsSecret: 'CANARY/9be2+7c05d1f8a364/Yh4Np8',
  awsSession: 'CANARYsession/08f1+6bd3e25a97c4=Gj5',
  googleToken: 'ya29.CANARY-3d7e_15f0c9a2b846Zb1',
  client: 'team-CANARY/4ac1+e8079fd2b356=Dk0',
  viewer: 'viewer-CANARY/a95b+13c7e04fd268=Uf3',
  operator: 'operator-CANARY/2f60+b8d4915ca7e3=Ci8',
  admin: 'admin-CANARY/d71e+503f9a6b2c84=Hq5',
  nats: 'nats-CANARY/e38c+f1725a0d946b=Bo1',
  wrongNats: 'nats-CANARY/17a6+d40c9eb2f835=Ty6',
  /** Written into a config in the clear, where a reference belongs. */
  pasted: 'sk-CANARY/5d0a+c6e37f1b9284=Mv4',
  /** What a stranger guesses with. */
  guessed: 'sk-CANARY/0b8f+27d4e9c1635a=Xe7',
} as const;

export const AWS_KEY = `AKIACANARY5EXAMPLE01:${KEYS.awsSecret}:${KEYS.awsSession}`;

const issuer = newIssuer();
const virtualKey = mintKey(issuer.secretKey, {
  subject: 'alice',
  id: 'canary-key',
  expires: new Date(Date.now() + 3_600_000),
});
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

/** What nobody but its owner reads: the parts of the longer ones that tell them apart. */
export const CANARIES: readonly Canary[] = [
  ...Object.entries(KEYS).map(([name, value]) => ({ name, value })),
  // Its end is the public key, which is no secret.
  { name: 'issuer secret', value: issuer.secretKey.slice(10, 50) },
  { name: 'virtual key', value: signed(virtualKey) },
  // The middle of the PEM: what stands around it is the same in all such keys.
  { name: 'google private key', value: privateKey.replaceAll('\n', '').slice(400, 440) },
];

/** Payload and signature: before them stands what all keys have, behind them the name of the issuer. */
export function signed(key: string): string {
  return key.split('.')[2]!;
}

export const ISSUER = issuer.id;
export const AS_CLIENT: Fields = [['Authorization', `Bearer ${KEYS.client}`]];
export const AS_ALICE: Fields = [['Authorization', `Bearer ${virtualKey}`]];
export const ALICE = virtualKey;
export const JSON_TYPE: Fields = [['Content-Type', 'application/json']];

const ENV = {
  POOL_1: KEYS.openai1,
  ANTHROPIC_POOL: KEYS.anthropic,
  GOOGLE_POOL: KEYS.google,
  LOST_POOL: KEYS.unreachable,
  AWS_POOL: AWS_KEY,
  CLIENT: KEYS.client,
  VIEWER: KEYS.viewer,
  OPERATOR: KEYS.operator,
  ADMIN: KEYS.admin,
  NATS_PASSWORD: KEYS.nats,
};

const OPERATIONS = ['chat', 'embedding', 'models', 'files', 'other'];

/** A gateway with a secret in every place that takes one, and a record of all that came out of it. */
export class CanaryLab {
  readonly lab: Lab;
  readonly nats: NatsServer | null;
  /** All that clients and admins were answered. */
  readonly answers: Exchanged[] = [];
  readonly config: Readonly<Record<string, unknown>>;

  constructor(lab: Lab, nats: NatsServer | null, config: Readonly<Record<string, unknown>>) {
    this.lab = lab;
    this.nats = nats;
    this.config = config;
  }

  get weir(): WeirProcess {
    return this.lab.weir;
  }

  async ask(parts: RequestParts): Promise<Exchanged> {
    const answer = await this.lab.ask(parts);
    this.answers.push(answer);
    return answer;
  }

  async ops(method: string, target: string, key?: string, body?: unknown): Promise<Exchanged> {
    const answer = await this.secretOps(method, target, key, body);
    this.answers.push(answer);
    return answer;
  }

  /** A call whose answer is a secret, and is not among `answers`. */
  secretOps(method: string, target: string, key?: string, body?: unknown): Promise<Exchanged> {
    const fields: Fields = key === undefined ? [] : [['Authorization', `Bearer ${key}`]];
    const parts = { method, target, fields };
    return exchange(
      this.weir.opsPort,
      body === undefined ? parts : { ...parts, body: typeof body === 'string' ? body : JSON.stringify(body) },
    );
  }

  /** Lets every resting key be used again. */
  async release(): Promise<void> {
    for (const [provider, id] of [
      ['openai', 'pool-1'],
      ['openai', 'pool-2'],
      ['anthropic', 'anthropic-1'],
      ['google', 'google-1'],
      ['bedrock', 'bedrock-1'],
      ['vertex', 'vertex-1'],
    ])
      await this.ops('POST', `/providers/${provider}/keys/${id}/release`, KEYS.operator);
  }

  /** What clients and admins saw, head and body. */
  answerText(): string {
    return this.answers
      .map(({ head, body }) => `${head.head.raw.toString('latin1')}${body.toString('latin1')}`)
      .join('\n');
  }

  /** Every file below the working folder by name, but for the secrets that the config names. */
  files(): ReadonlyMap<string, string> {
    const { folder } = this.weir;
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry =>
      entry.isFile(),
    );
    return new Map(
      files
        .map(({ parentPath, name }) => join(parentPath, name))
        .filter(path => !relative(folder, path).startsWith('secrets/'))
        .map(path => [relative(folder, path), readFileSync(path, 'latin1')]),
    );
  }

  /** All bytes that the provider was sent. */
  sent(): string {
    return this.lab.up.requests
      .map(({ head, body }) => `${head.raw.toString('latin1')}${body.toString('latin1')}`)
      .join('\n');
  }
}

function configFor(origin: string, lostPort: number, nats: NatsServer | null): Record<string, unknown> {
  const bus = {
    servers: [nats?.url ?? `nats://127.0.0.1:${lostPort}`],
    user: 'weir',
    password: 'env:NATS_PASSWORD',
  };
  const lost = { dialect: 'openai', auth: 'bearer', keys: ['env:LOST_POOL'] };
  return {
    listen: { port: 0 },
    providers: {
      lab: { origin, dialect: 'openai', auth: 'none' },
      openai: {
        origin,
        keys: [
          { id: 'pool-1', key: 'env:POOL_1' },
          { id: 'pool-2', key: 'file:secrets/pool-2' },
        ],
      },
      anthropic: { origin, keys: ['env:ANTHROPIC_POOL'] },
      google: { origin, keys: ['env:GOOGLE_POOL'] },
      bedrock: { origin, region: 'eu-west-1', keys: ['env:AWS_POOL'] },
      vertex: { origin, keys: ['file:secrets/account.json'] },
      refusing: { ...lost, origin: `http://127.0.0.1:${lostPort}` },
      nowhere: { ...lost, origin: 'http://nowhere.invalid' },
      untrusted: { ...lost, origin: `https://127.0.0.1:${lostPort}` },
    },
    auth: {
      issuers: [{ publicKey: issuer.publicKey, secretKey: 'file:secrets/issuer' }],
      staticKeys: [{ id: 'team', key: 'env:CLIENT', grant: { operations: OPERATIONS } }],
    },
    ops: {
      port: 0,
      adminKeys: [
        { key: 'env:VIEWER', role: 'viewer' },
        { key: 'env:OPERATOR', role: 'operator' },
        { key: 'env:ADMIN', role: 'admin' },
      ],
    },
    limits: {
      headers: true,
      badCredentialsPerAddress: 1_000_000,
      perKey: { rpm: 1_000_000 },
      nats: bus,
    },
    deny: { nats: bus },
    usage: { holdMs: 60_000 },
    timeouts: { firstByteMs: 500, idleMs: 500, connectMs: 2000 },
    drain: { lameDuckMs: 0, drainMs: 20_000 },
  };
}

export interface CanaryLabOptions {
  /** Variables in place of the usual ones, or besides them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Sections in place of the usual ones. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export async function startCanaryLab(t: Test, options: CanaryLabOptions = {}): Promise<CanaryLab> {
  const provider = await up.Upstream.start();
  t.teardown(() => provider.close());
  provider.on(
    'POST',
    '/token',
    up.respond(200, JSON_TYPE, `{"access_token":"${KEYS.googleToken}","expires_in":3600}`),
  );
  const nats =
    natsMissing() === false
      ? await NatsServer.start(t, { users: [{ user: 'weir', password: KEYS.nats }] })
      : null;
  const cwd = mkdtempSync(join(tmpdir(), 'weir-canary-'));
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }));
  mkdirSync(join(cwd, 'secrets'));
  const account = {
    type: 'service_account',
    client_email: 'weir@example.iam.gserviceaccount.com',
    private_key: privateKey,
    token_uri: `${provider.origin}/token`,
  };
  for (const [name, text] of [
    ['pool-2', KEYS.openai2],
    ['issuer', issuer.secretKey],
    ['account.json', JSON.stringify(account)],
  ] as const)
    writeFileSync(join(cwd, 'secrets', name), `${text}\n`, { mode: 0o600 });
  const config = { ...configFor(provider.origin, await up.closedPort(), nats), ...options.config };
  const weir = await startWeir(t, { config, cwd, env: { ...ENV, ...options.env } });
  return new CanaryLab(new Lab(provider, weir), nats, config);
}

/** The environment of the gateway, for commands that read the same config. */
export const CANARY_ENV: Readonly<Record<string, string>> = ENV;
