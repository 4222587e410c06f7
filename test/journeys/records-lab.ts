import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { type Ledger, openLedger } from '../../lib/store/index.ts';
import { DEADLINE_MS } from '../deadline/index.ts';
import { startWeir } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import { respond } from '../upstream/index.ts';
import { type Lab, startLab } from './lab.ts';
import { ADMIN_KEYS, ISSUER, json, OPS, ops } from './ops-client.ts';

export const CHAT = '/openai/v1/chat/completions';
const BODY = '{"model":"gpt-4o-mini","messages":[]}';

export interface Made {
  readonly key: string;
  readonly record: { readonly jti: string; readonly [member: string]: unknown };
}

/** A folder that outlives the gateways of one test. */
export function sharedFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-records-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The real binary with a store, a deny set and an issuer that mints; in a folder that another one may go on with. Sections replace these. `store` is the URL of one elsewhere. */
export async function startRecordsLab(
  t: Test,
  cwd: string,
  sections: Readonly<Record<string, unknown>> = {},
  store: string | null = null,
): Promise<RecordsLab> {
  const roles = Object.entries(ADMIN_KEYS).map(([role, key]) => [`${role.toUpperCase()}_KEY`, key]);
  const lab = await startLab(t, {
    config: {
      ops: OPS,
      auth: { issuers: [{ publicKey: ISSUER.publicKey, secretKey: 'env:ISSUER' }] },
      // A disk that is slow for a moment fails no admin call.
      usage: { holdMs: 60_000, ...(store === null ? {} : { store: 'env:STORE_URL' }) },
      deny: {},
      ...sections,
    },
    weir: { cwd, env: { ...Object.fromEntries(roles), ISSUER: ISSUER.secretKey, STORE_URL: store ?? '' } },
  });
  lab.up.reply(respond(200, [['Content-Type', 'application/json']], '{}'));
  return new RecordsLab(lab, cwd, store);
}

export class RecordsLab {
  readonly lab: Lab;
  readonly folder: string;
  readonly #store: string | null;

  constructor(lab: Lab, folder: string, store: string | null = null) {
    this.lab = lab;
    this.folder = folder;
    this.#store = store;
  }

  /** The status of a request with a key. */
  async use(key: string): Promise<number> {
    const fields: Fields = [
      ['Authorization', `Bearer ${key}`],
      ['Content-Type', 'application/json'],
    ];
    return (await this.lab.ask({ target: CHAT, fields, body: BODY })).status;
  }

  /** A call by the admin; its body, or `status code` of an error. */
  async call<T = Readonly<Record<string, unknown>>>(method: string, path: string, body?: object): Promise<T> {
    const answer = await ops(this.lab, method, path, 'admin', body);
    const said = json(answer) as { error?: { code: string } };
    return (said.error === undefined ? said : `${answer.status} ${said.error.code}`) as T;
  }

  create(members: object = {}): Promise<Made> {
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    return this.call<Made>('POST', '/keys', { subject: 'alice', expires, ...members });
  }

  async member(jti: string, name: string): Promise<unknown> {
    return (await this.call('GET', `/keys/${jti}`))[name];
  }

  /** The store, as another program would open it. */
  async withStore<T>(work: (ledger: Ledger) => Promise<T>): Promise<T> {
    const file = `sqlite:${join(this.folder, 'data/weir.db')}` as const;
    const ledger = openLedger(this.#store === null ? file : new Secret(this.#store));
    try {
      return await work(ledger);
    } finally {
      await ledger.close();
    }
  }

  /** What the audit chain says, in short. */
  async chain(): Promise<readonly string[]> {
    const { entries } = await this.call<{ entries: { payload: string }[] }>('GET', '/audit?limit=1000');
    return entries.map(({ payload }) => {
      const { admin, outcome, action } = JSON.parse(payload) as Record<string, string>;
      return `${admin} ${outcome} ${action}`;
    });
  }

  /** The command line against this gateway. */
  async cli(t: Test, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const env = {
      WEIR_OPS: `http://127.0.0.1:${this.lab.weir.opsPort}`,
      WEIR_ADMIN_KEY: ADMIN_KEYS.admin,
      OPERATOR_KEY: ADMIN_KEYS.operator,
      VIEWER_KEY: ADMIN_KEYS.viewer,
      ADMIN_KEY: ADMIN_KEYS.admin,
      ISSUER: ISSUER.secretKey,
      STORE_URL: this.#store ?? '',
      TEST_POOL_KEY: 'not-asked-for',
      TEST_CLIENT_KEY: 'not-asked-for',
    };
    const weir = await startWeir(t, { args, env, cwd: this.folder, waitForAddress: false });
    const { code } = await weir.exited();
    return { code, stdout: weir.stdout, stderr: weir.stderr };
  }

  /** Everything that lies in the data folder, as one text. */
  files(): string {
    const names = readdirSync(join(this.folder, 'data'), { recursive: true, encoding: 'utf8' });
    return names
      .map(name => join(this.folder, 'data', name))
      .filter(file => statSync(file).isFile())
      .map(file => readFileSync(file, 'latin1'))
      .join('\n');
  }
}

/** Asks again until it is so. Gives how long that took, in milliseconds. */
export async function until(what: string, isSo: () => Promise<boolean>, ms = DEADLINE_MS): Promise<number> {
  const startedMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedMs > ms) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return performance.now() - startedMs;
}
