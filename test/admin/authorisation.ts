import { type IncomingMessage, request } from 'node:http';
import type { Test } from 'tap';
import { type AdminRoute, ROLES, type Role } from '../../lib/pipeline/index.ts';
import { within } from '../deadline/index.ts';

/** What a call may come with: nothing, a key that is none, a key of the data port, a key of each role. */
export const CREDENTIALS = ['none', 'wrong', 'client', ...ROLES] as const;

export type Credential = (typeof CREDENTIALS)[number];

export interface AuthorisationCase {
  readonly name: string;
  readonly method: AdminRoute['method'];
  /** With a word in the place of each parameter. */
  readonly target: string;
  readonly credential: Credential;
  /** `admitted`: whatever the route itself answers. */
  readonly expected: 401 | 403 | 'admitted';
}

/** Every admin route with every credential. A new route is in it by being in the table. */
export function authorisationCases(routes: readonly AdminRoute[]): readonly AuthorisationCase[] {
  return routes.flatMap(({ method, path, role }) =>
    CREDENTIALS.map(credential => ({
      name: `${method} ${path} with ${credential}`,
      method,
      target: path.replace(/:[^/]+/g, 'nobody'),
      credential,
      expected: expectation(credential, role),
    })),
  );
}

function expectation(credential: Credential, needed: Role): AuthorisationCase['expected'] {
  if (credential === 'none' || credential === 'wrong' || credential === 'client') return 401;
  return ROLES.indexOf(credential) >= ROLES.indexOf(needed) ? 'admitted' : 403;
}

interface Answered {
  readonly status: number;
  readonly body: string;
  readonly code: unknown;
}

/**
 * Runs the cases against a listener on loopback. Each comes from an address of
 * its own, so that the budget for bad credentials does not speak first.
 */
export async function checkAuthorisation(
  t: Test,
  port: number,
  cases: readonly AuthorisationCase[],
  keys: Readonly<Record<Exclude<Credential, 'none'>, string>>,
): Promise<void> {
  const unauthorized = new Set<string>();
  for (const [i, { name, method, target, credential, expected }] of cases.entries()) {
    const key = credential === 'none' ? null : keys[credential];
    const { status, body, code } = await call(
      port,
      method,
      target,
      key,
      `127.0.${1 + (i >> 7)}.${1 + (i & 127)}`,
    );
    if (expected === 401) {
      t.equal(status, 401, name);
      unauthorized.add(body);
    } else if (expected === 403) {
      t.strictSame([status, code], [403, 'forbidden'], name);
    } else {
      t.notOk([401, 403, 405, 429].includes(status), `${name}: ${status} ${code}`);
      t.notOk(code === 'admin_disabled' || code === 'unknown_path', `${name}: ${code}`);
    }
  }
  t.equal(unauthorized.size, 1, 'one body for all reasons of a 401');
}

async function call(
  port: number,
  method: string,
  path: string,
  key: string | null,
  localAddress: string,
): Promise<Answered> {
  const headers = key === null ? {} : { authorization: `Bearer ${key}` };
  const answered = new Promise<Answered>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, localAddress, method, path, headers, agent: false });
    sent.once('error', reject);
    sent.once('response', (response: IncomingMessage) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.once('end', () => resolve({ status: response.statusCode!, body, code: errorCode(body) }));
    });
    sent.end();
  });
  return within(answered, `the answer to ${method} ${path}`);
}

function errorCode(body: string): unknown {
  try {
    return (JSON.parse(body) as { error?: { code?: unknown } } | null)?.error?.code;
  } catch {
    return undefined;
  }
}
