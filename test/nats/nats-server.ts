import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Changes } from '../deadline/index.ts';
import type { SelfSigned } from '../upstream/index.ts';
import { NatsAdmin } from './nats-admin.ts';

/** Someone who may log in with a password. Absent lists allow every subject. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
}

export interface NatsServerOptions {
  /** Nobody else may log in then, but for the admin connection. */
  readonly users?: readonly NatsUser[];
  /** Public NKeys that may log in, beside the admin connection. */
  readonly nkeys?: readonly string[];
  /** Log in with this token only. */
  readonly token?: string;
  /** Clients must speak TLS; with `mutual` they must show this certificate themselves. */
  readonly tls?: SelfSigned & { readonly mutual?: boolean };
}

const ADMIN: NatsUser = { user: 'admin', password: 'admin' };

/**
 * Why tests with a real NATS server cannot run here, for tap's `skip`; false
 * where they can, and where they must (`WEIR_REQUIRE_SERVICES=1`).
 */
export function natsMissing(): string | false {
  if (process.env.WEIR_REQUIRE_SERVICES === '1') return false;
  const { error } = spawnSync('nats-server', ['--version']);
  return error === undefined ? false : 'the program nats-server is not installed (Debian: nats-server)';
}

/** A `nats-server` process with JetStream, on a free port that it keeps over restarts. */
export class NatsServer {
  readonly #options: NatsServerOptions;
  readonly #folder: string;
  readonly #changes = new Changes();
  readonly #admins: NatsAdmin[] = [];
  #process: ChildProcess | null = null;
  #log = '';
  #port = -1;

  private constructor(options: NatsServerOptions) {
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), 'weir-nats-'));
    if (options.tls === undefined) return;
    writeFileSync(join(this.#folder, 'cert.pem'), options.tls.cert);
    writeFileSync(join(this.#folder, 'key.pem'), options.tls.key, { mode: 0o600 });
  }

  /** Starts one and waits until it takes clients. It is killed, and its store removed, when the test ends. */
  static async start(t: Test, options: NatsServerOptions = {}): Promise<NatsServer> {
    const server = new NatsServer(options);
    t.teardown(() => server.#discard());
    await server.restart();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'nats' : 'tls'}://127.0.0.1:${this.#port}`;
  }

  /** What it printed since it was started. */
  get log(): string {
    return this.#log;
  }

  /** Starts it again, on the same port and store. */
  async restart(): Promise<void> {
    const config = join(this.#folder, 'nats.conf');
    writeFileSync(config, this.#config(), { mode: 0o600 });
    this.#log = '';
    const child = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    child.on('error', error => {
      this.#log += error.message;
      this.#process = null;
      this.#changes.notify();
    });
    child.on('close', () => {
      if (this.#process === child) this.#process = null;
      this.#changes.notify();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
      this.#changes.notify();
    });
    await this.#changes.until(() => {
      if (this.#process === null) throw new Error(`nats-server did not start:\n${this.#log}`);
      return this.#log.includes('Server is ready');
    }, 'nats-server to be ready');
    this.#port = Number(/Listening for client connections on [\d.]+:(\d+)/.exec(this.#log)![1]);
  }

  /** As kill -9 does. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** In order. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** It keeps its port and connections but does nothing any more, until `thaw`. */
  async freeze(): Promise<void> {
    const { pid } = this.#process!;
    this.#process!.kill('SIGSTOP');
    // The signal takes a moment; where the system tells, wait for it.
    const status = `/proc/${pid}/status`;
    while (existsSync(status) && !/^State:\s+T/m.test(readFileSync(status, 'utf8')))
      await new Promise(resolve => setImmediate(resolve));
  }

  thaw(): void {
    this.#process!.kill('SIGCONT');
  }

  /** A copy of the store, for `restoreStore`. Only while it is stopped. */
  saveStore(): string {
    const copy = mkdtempSync(join(this.#folder, 'saved-'));
    cpSync(join(this.#folder, 'store'), copy, { recursive: true, preserveTimestamps: true });
    return copy;
  }

  /** Puts an earlier store in place of the present one. Only while it is stopped. */
  restoreStore(copy: string): void {
    const store = join(this.#folder, 'store');
    rmSync(store, { recursive: true, force: true });
    cpSync(copy, store, { recursive: true, preserveTimestamps: true });
  }

  /** A connection that may do anything. It is closed when the test ends. */
  async admin(): Promise<NatsAdmin> {
    const admin = await NatsAdmin.connect(this.url, {
      ...((this.#options.users ?? this.#options.nkeys) !== undefined && {
        user: ADMIN.user,
        pass: ADMIN.password,
      }),
      ...(this.#options.token !== undefined && { token: this.#options.token }),
      ...(this.#options.tls !== undefined && {
        tls: { ca: this.#options.tls.cert, cert: this.#options.tls.cert, key: this.#options.tls.key },
      }),
    });
    this.#admins.push(admin);
    return admin;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    child.kill(signal);
    await this.#changes.until(() => this.#process !== child, 'nats-server to end');
  }

  async #discard(): Promise<void> {
    for (const admin of this.#admins) await admin.close();
    await this.#end('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #config(): string {
    const store = join(this.#folder, 'store');
    mkdirSync(store, { recursive: true });
    const { users, nkeys, token, tls } = this.#options;
    const file = (name: string): string => JSON.stringify(join(this.#folder, name));
    const lines = [
      `listen: "127.0.0.1:${this.#port}"`,
      `jetstream { store_dir: ${JSON.stringify(store)}, max_file_store: 4G, max_memory_store: 256M }`,
    ];
    if (users !== undefined || nkeys !== undefined) {
      const entries = [...[ADMIN, ...(users ?? [])].map(entryOf), ...(nkeys ?? []).map(nkey => ({ nkey }))];
      lines.push(`authorization { users: ${JSON.stringify(entries)} }`);
    }
    if (token !== undefined) lines.push(`authorization { token: ${JSON.stringify(token)} }`);
    if (tls !== undefined) {
      const mutual = tls.mutual === true ? `ca_file: ${file('cert.pem')}, verify: true` : '';
      lines.push(`tls { cert_file: ${file('cert.pem')}, key_file: ${file('key.pem')}, ${mutual} }`);
    }
    return `${lines.join('\n')}\n`;
  }
}

function entryOf({ user, password, publish, subscribe }: NatsUser): object {
  const permissions = {
    ...(publish !== undefined && { publish }),
    ...(subscribe !== undefined && { subscribe }),
  };
  return { user, password, ...(Object.keys(permissions).length > 0 && { permissions }) };
}
