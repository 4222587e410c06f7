import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Test } from 'tap';
import { Changes, within } from '../deadline/index.ts';
import type { SelfSigned } from '../upstream/index.ts';

const OWNER = 'weir';
/** Of the user who owns everything. Special characters, so that a URL has to escape it. */
export const PASSWORD = 'pw CANARY/91c4@x';
/** Where Debian and its like keep the programs that a server needs. */
const VERSIONS = '/usr/lib/postgresql';

/** The folder of `initdb` and `postgres`; '' where the search path has them, null where there is none. */
function programs(): string | null {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map(version => join(VERSIONS, version, 'bin/'));
  return [...folders, ''].find(folder => spawnSync(`${folder}initdb`, ['--version']).status === 0) ?? null;
}

/**
 * Why tests with a real PostgreSQL cannot run here, for tap's `skip`; false
 * where they can, and where they must (`WEIR_REQUIRE_SERVICES=1`).
 */
export function postgresMissing(): string | false {
  if (process.env.WEIR_REQUIRE_SERVICES === '1') return false;
  return programs() === null ? 'initdb of PostgreSQL is not installed (Debian: postgresql)' : false;
}

/** PostgreSQL does not run as root. */
function runAs(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map(flag => spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout);
    if (uid !== '' && gid !== '') return { uid: Number(uid), gid: Number(gid) };
  }
  return {};
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  return new Promise(resolve => {
    server.on('listening', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export interface PostgresOptions {
  readonly tls?: SelfSigned;
}

/** A PostgreSQL of a test's own, on a free port that it keeps over restarts. */
export class PostgresServer {
  readonly port: number;
  /** Its data; its unix socket lies here. */
  readonly folder: string;
  readonly #programs: string;
  readonly #changes = new Changes();
  #process: ChildProcess | null = null;
  #log = '';
  #databases = 0;

  private constructor(folder: string, programs: string, port: number) {
    this.folder = folder;
    this.#programs = programs;
    this.port = port;
  }

  /** Makes one and waits until it takes clients. It is killed, and its data removed, when the test ends. */
  static async start(t: Test, options: PostgresOptions = {}): Promise<PostgresServer> {
    const folder = mkdtempSync(join(tmpdir(), 'weir-postgres-'));
    const server = new PostgresServer(folder, programs() ?? '', await freePort());
    t.teardown(() => server.#discard());
    server.#initialise(options);
    await server.restart();
    return server;
  }

  #initialise({ tls }: PostgresOptions): void {
    const { uid, gid } = runAs();
    const own = (name: string, text: string): string => {
      const file = join(this.folder, name);
      writeFileSync(file, text, { mode: 0o600 });
      if (uid !== undefined) chownSync(file, uid, gid!);
      return file;
    };
    if (uid !== undefined) chownSync(this.folder, uid, gid!);
    const password = own('password', PASSWORD);
    const made = spawnSync(
      `${this.#programs}initdb`,
      [
        ...['-D', join(this.folder, 'data'), '-U', OWNER, '--pwfile', password, '-A', 'scram-sha-256'],
        ...['-E', 'UTF8', '--locale=C', '--no-sync'],
      ],
      { encoding: 'utf8', cwd: this.folder, uid, gid },
    );
    if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`);
    if (tls !== undefined) {
      own('cert.pem', tls.cert);
      own('key.pem', tls.key);
    }
  }

  /** Starts it again, on the same port and data. */
  async restart(): Promise<void> {
    const tls = existsSync(join(this.folder, 'cert.pem'));
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.folder,
      // Crashes here are of processes, never of the machine.
      fsync: 'off',
      ...(tls && { ssl: 'on', ssl_cert_file: '../cert.pem', ssl_key_file: '../key.pem' }),
    };
    this.#log = '';
    const child = spawn(
      `${this.#programs}postgres`,
      [
        ...['-D', join(this.folder, 'data'), '-p', String(this.port)],
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.folder, ...runAs() },
    );
    this.#process = child;
    child.on('close', () => {
      if (this.#process === child) this.#process = null;
      this.#changes.notify();
    });
    child.on('error', error => {
      this.#log += error.message;
      this.#process = null;
      this.#changes.notify();
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
      this.#changes.notify();
    });
    await this.#changes.until(() => {
      if (this.#process === null) throw new Error(`postgres did not start:\n${this.#log}`);
      return this.#log.includes('database system is ready to accept connections');
    }, 'postgres to be ready');
  }

  /** As `pg_ctl stop -m immediate` does: it ends where it is and recovers at its next start. */
  async crash(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    child.kill('SIGQUIT');
    await this.#changes.until(() => this.#process !== child, 'postgres to end');
  }

  /** The URL of a database as its owner, or at another port such as a proxy's. */
  url(database: string, port = this.port): string {
    return `postgres://${OWNER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}`;
  }

  /** A new, empty database: its name. `more` goes on after CREATE DATABASE. */
  async database(more = ''): Promise<string> {
    const name = `weir_${++this.#databases}`;
    await this.sql('postgres', `CREATE DATABASE ${name} ${more}`);
    return name;
  }

  /** The rows of a statement, on a connection of its own. */
  async sql(database: string, statement: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.url(database) });
    await within(client.connect(), 'a connection to PostgreSQL');
    try {
      return (await within(client.query(statement), 'PostgreSQL')).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  async #discard(): Promise<void> {
    await this.crash();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
