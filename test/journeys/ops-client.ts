import type { Test } from 'tap';
import { newIssuer } from '../../lib/keys/token/mint.ts';
import type { Fact } from '../../lib/pipeline/index.ts';
import { type Exchanged, exchange } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import { type Lab, startLab } from './lab.ts';
import { type Sample, samplesOf } from './prometheus.ts';

export const ADMIN_KEYS = {
  viewer: 'viewer-41f0a9c2d7e6',
  operator: 'operator-77d1b3e85a0c',
  admin: 'admin-c05e6f14b9d2',
} as const;

/** Its keys may be minted by the gateway; those of the other one are only accepted. */
export const ISSUER = newIssuer();
export const OTHER_ISSUER = newIssuer();

const ROLES = ['viewer', 'operator', 'admin'] as const;
type Who = (typeof ROLES)[number];

export const OPS = { adminKeys: ROLES.map(role => ({ key: `env:${role.toUpperCase()}_KEY`, role })) };

/** The usual lab with an ops listener, a journal, a deny set and issuers. Sections replace the lab's. */
export function startOpsLab(t: Test, sections: Readonly<Record<string, unknown>> = {}): Promise<Lab> {
  const config = {
    ops: OPS,
    auth: {
      issuers: [
        { publicKey: ISSUER.publicKey, secretKey: 'env:ISSUER' },
        { publicKey: OTHER_ISSUER.publicKey },
      ],
      staticKeys: [{ id: 'team-key', key: 'env:TEST_CLIENT_KEY', subject: 'team' }],
    },
    usage: { holdMs: 60_000 },
    deny: {},
    ...sections,
  };
  const keys = ROLES.map(role => [`${role.toUpperCase()}_KEY`, ADMIN_KEYS[role]]);
  return startLab(t, { config, weir: { env: { ...Object.fromEntries(keys), ISSUER: ISSUER.secretKey } } });
}

/** A call of the ops listener under the key of a role, another key, or none. */
export function ops(
  lab: Lab,
  method: string,
  target: string,
  who?: Who | { readonly key: string },
  body?: object,
): Promise<Exchanged> {
  const key = typeof who === 'object' ? who.key : who && ADMIN_KEYS[who];
  const fields: Fields = key === undefined ? [] : [['Authorization', `Bearer ${key}`]];
  const parts = { method, target, fields };
  return exchange(lab.weir.opsPort, body === undefined ? parts : { ...parts, body: JSON.stringify(body) });
}

export function json({ body }: Exchanged): Readonly<Record<string, unknown>> {
  return JSON.parse(String(body)) as Record<string, unknown>;
}

/** The code of an error answer. */
export function codeOf(answer: Exchanged): unknown {
  return (json(answer).error as { code: unknown } | undefined)?.code;
}

export async function metrics(lab: Lab): Promise<readonly Sample[]> {
  const page = await ops(lab, 'GET', '/metrics');
  if (page.status !== 200) throw new Error(`metrics: ${page.status}`);
  return samplesOf(String(page.body));
}

/** The condition of each pool key of a provider, by its id. */
export async function poolStates(lab: Lab, provider = 'openai'): Promise<Readonly<Record<string, string>>> {
  const { keys } = json(await ops(lab, 'GET', '/providers/keys', 'viewer')) as {
    keys: { provider: string; id: string; state: string }[];
  };
  return Object.fromEntries(
    keys.filter(key => key.provider === provider).map(({ id, state }) => [id, state]),
  );
}

export function adminFacts(lab: Lab, folder?: string): readonly Fact[] {
  return lab.weir.journal(folder).facts.filter(({ kind }) => kind === 'admin');
}
