import type { Command } from 'commander';
import type { CliIo } from './io.ts';
import { pick } from './pick.ts';
import { plainText } from './plain-text.ts';

/** Where a gateway's ops listener is by default. */
export const DEFAULT_OPS_URL = 'http://127.0.0.1:8788';

const TIMEOUT_MS = 30_000;

export interface OpsOptions {
  readonly ops?: string;
}

export type OpsResult =
  | { readonly ok: true; readonly body: unknown }
  /** Says what went wrong and what to do, for a person. */
  | { readonly ok: false; readonly problem: string };

/** The option that names the ops listener, for every verb that speaks to it. */
export function withOpsOption(command: Command): Command {
  return command.option(
    '--ops <url>',
    `where the ops listener is (or WEIR_OPS in the environment; default ${DEFAULT_OPS_URL})`,
  );
}

/** The end of the help of those verbs. */
export const OPS_HELP = `
The gateway's config needs an ops section with an admin key; the same key is read
from WEIR_ADMIN_KEY here.`;

/** The client for a command line, or the text of a usage error. */
export function openOpsClient({ ops }: OpsOptions, io: CliIo): OpsClient | string {
  const url = (ops ?? io.env.WEIR_OPS ?? DEFAULT_OPS_URL).replace(/\/+$/, '');
  if (!URL.canParse(url) || !/^https?:\/\/[^?#@]+$/.test(url)) {
    const source = ops === undefined ? 'WEIR_OPS' : '--ops';
    return `error: ${source} '${url}' is not an http or https URL\n`;
  }
  return new OpsClient(url, (io.env.WEIR_ADMIN_KEY ?? '').trim());
}

/** Speaks to the ops listener of a running gateway. */
export class OpsClient {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /** @param segments of the path, plain: they are escaped here. Null where one of them has no way into a URL. */
  static path(...segments: readonly string[]): string | null {
    // A URL parser would take these away, and the call would be about something else.
    if (segments.some(segment => segment === '' || segment === '.' || segment === '..')) return null;
    return segments.map(segment => `/${encodeURIComponent(segment)}`).join('');
  }

  async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<OpsResult> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#url + path, {
        method,
        headers: {
          accept: 'application/json',
          ...(this.#key === '' ? {} : { authorization: `Bearer ${this.#key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (error) {
      return { ok: false, problem: this.#unreachable(error) };
    }
    const parsed = text === '' ? null : parseJson(text);
    if (response.ok && parsed !== undefined) return { ok: true, body: parsed };
    return { ok: false, problem: this.#refused(response, parsed) };
  }

  #unreachable(error: unknown): string {
    if (error instanceof Error && error.name === 'TimeoutError')
      return `${this.#url} did not answer within ${TIMEOUT_MS / 1000} s.`;
    const code = pick(error, 'cause', 'code');
    if (code === 'ECONNREFUSED') {
      return (
        `nothing listens at ${this.#url}. Is weir running there, and does its config have an ops section?\n` +
        'Say where it is with --ops or WEIR_OPS.'
      );
    }
    // fetch's own words for a bad header would show the key.
    if (typeof code === 'string') return `${this.#url} cannot be reached: ${code}.`;
    return pick(error, 'cause', 'message') === 'bad port'
      ? `${this.#url} cannot be reached: no program may call this port.`
      : `${this.#url} cannot be called. Is WEIR_ADMIN_KEY one line?`;
  }

  #refused(response: Response, body: unknown): string {
    const { status, headers } = response;
    const message = pick(body, 'error', 'message');
    const code = pick(body, 'error', 'code');
    if (headers.has('x-weir-error')) {
      return `${this.#url} is the port for clients. The ops listener is another one: see ops.port in the config (8788 without it).`;
    }
    if (typeof message !== 'string' || typeof code !== 'string')
      return `${this.#url} does not answer as an ops listener does (status ${status}).`;
    const remedy = this.#remedy(status, code);
    return plainText(`${message} (${status} ${code})`) + (remedy === null ? '' : `\n${remedy}`);
  }

  #remedy(status: number, code: string): string | null {
    if (status === 401) {
      return this.#key === ''
        ? 'WEIR_ADMIN_KEY is not set here: set it to the key that ops.adminKeys names.'
        : 'The value of WEIR_ADMIN_KEY is none of the keys in ops.adminKeys.';
    }
    if (code === 'unknown_path')
      return 'What this needs is not configured there (weir deny needs a deny section), or it is another version.';
    if (code === 'held_by_file')
      return 'Edit that file, or let weir do it: the same command with --file <file>.';
    if (code === 'audit_unavailable') return 'Nothing was changed. /readyz and the log say what is wrong.';
    return null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
