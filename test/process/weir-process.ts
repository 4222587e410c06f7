import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Test } from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { Changes } from '../deadline/index.ts';
import { type JournalReading, readJournal } from './journal.ts';
import { factOf, type LogLine, parseLogLine } from './log-line.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PINNED_NODE = join(ROOT, 'node_modules/.bin/node');

export interface WeirOptions {
  /** Config: YAML text as it is, or an object, to which `listen.port: 0` and `ops.port: 0` are added unless it says where to listen. Absent: no file. */
  readonly config?: string | Readonly<Record<string, unknown>>;
  /** Arguments in place of `serve` (`--config F` is still added where there is a config). */
  readonly args?: readonly string[];
  /** Added to an otherwise bare environment: keys of the machine do not leak in. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory; a fresh empty one by default. */
  readonly cwd?: string;
  /** Another program than the real binary, for tests of this file. */
  readonly program?: string;
  /** Do not wait for an address: for commands that end, and starts that are to fail. */
  readonly waitForAddress?: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The address a line of output speaks of. */
const ADDRESS = /https?:\/\/(?:127\.0\.0\.1|localhost|\[::1?\]|0\.0\.0\.0):(\d+)/;

/** The running binary, its output and the facts it told of. */
export class WeirProcess {
  /** Its working directory; the config file is `weir.yaml` here, so relative paths of the config end up here. */
  readonly folder: string;
  readonly lines: LogLine[] = [];
  readonly facts: Fact[] = [];
  readonly changes = new Changes();
  /** 0 until known, and for a unix socket. */
  port = 0;
  /** Of the ops listener; 0 until known, and without one. */
  opsPort = 0;
  exit: Exit | null = null;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.folder = folder;
    this.#follow(child.stdout!, text => {
      this.#stdout += text;
    });
    this.#follow(child.stderr!, text => {
      this.#stderr += text;
    });
    child.on('close', (code, signal) => {
      this.exit = { code, signal };
      this.changes.notify();
    });
  }

  #follow(stream: NodeJS.ReadableStream, keep: (text: string) => void): void {
    let partial = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      keep(text);
      const lines = (partial + text).split('\n');
      partial = lines.pop()!;
      for (const line of lines) this.#take(line);
      this.changes.notify();
    });
    stream.on('end', () => {
      if (partial !== '') this.#take(partial);
      this.changes.notify();
    });
  }

  #take(text: string): void {
    const line = parseLogLine(text);
    this.lines.push(line);
    const fact = factOf(line);
    if (fact !== null) this.facts.push(fact);
    const port = Number(ADDRESS.exec(text)?.[1] ?? 0);
    if (text.startsWith('Ops ')) this.opsPort = port;
    else if (this.port === 0) this.port = port;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** All that it printed, both streams. */
  get output(): string {
    return this.#stdout + this.#stderr;
  }

  /** Waits for a line of output. */
  line(matches: (line: LogLine) => boolean, what: string): Promise<LogLine> {
    return this.#until(() => this.lines.find(matches), `a line of output: ${what}`);
  }

  /** Waits for a fact. */
  fact(matches: (fact: Fact) => boolean, what: string): Promise<Fact> {
    return this.#until(() => this.facts.find(matches), `a fact: ${what}`);
  }

  /** Waits until there are `count` facts, and gives them all. */
  async factCount(count: number): Promise<readonly Fact[]> {
    await this.#until(() => this.facts.length >= count, `${count} facts`);
    return this.facts;
  }

  exited(): Promise<Exit> {
    return this.changes.until(() => this.exit, 'the process to exit');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it and waits for the exit. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (this.exit === null) this.signal(signal);
    return this.exited();
  }

  /** The journal in `folder` (relative to the config file). */
  journal(folder = 'data/journal'): JournalReading {
    return readJournal(resolve(this.folder, folder));
  }

  /** Resident memory in bytes; null where the platform does not tell. */
  residentBytes(): number | null {
    const status = `/proc/${this.pid}/status`;
    if (!existsSync(status)) return null;
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  }

  /** Sockets it holds open, listening ones included; null where the platform does not tell. */
  openSockets(): number | null {
    const folder = `/proc/${this.pid}/fd`;
    if (!existsSync(folder)) return null;
    return readdirSync(folder).filter(fd => {
      try {
        return readlinkSync(join(folder, fd)).startsWith('socket:');
      } catch {
        return false;
      }
    }).length;
  }

  #until<T>(read: () => T | null | undefined | false, what: string): Promise<T> {
    return this.changes
      .until(() => {
        const value = read();
        if (!value && this.exit !== null) throw new Error(`weir exited (${this.exit.code}) before ${what}`);
        return value;
      }, what)
      .catch((error: Error) => {
        throw new Error(`${error.message}\n--- output of weir ---\n${this.output.slice(-4000)}`);
      });
  }

  /** Waits until it says where it listens. */
  async listening(socketPath: string | null): Promise<void> {
    await this.#until(
      () => (socketPath === null ? this.port > 0 : this.output.includes(socketPath)),
      'the address it listens on',
    );
  }
}

function listenPath(config: WeirOptions['config']): string | null {
  if (typeof config !== 'object') return null;
  const listen = config.listen as Record<string, unknown> | undefined;
  return typeof listen?.path === 'string' ? listen.path : null;
}

function configText(config: string | Readonly<Record<string, unknown>>): string {
  if (typeof config === 'string') return config;
  const listen = (config.listen ?? {}) as Record<string, unknown>;
  const where = 'path' in listen || 'port' in listen ? {} : { port: 0 };
  const ops = config.ops === undefined ? {} : { ops: { port: 0, ...(config.ops as object) } };
  return JSON.stringify({ ...config, listen: { ...where, ...listen }, ...ops }, null, 2);
}

/** Starts the real binary and waits until it listens. It is stopped, and its folder removed, when the test ends. */
export async function startWeir(t: Test, options: WeirOptions = {}): Promise<WeirProcess> {
  const folder = options.cwd ?? mkdtempSync(join(tmpdir(), 'weir-test-'));
  const args = [...(options.args ?? ['serve'])];
  if (options.config !== undefined) {
    const file = join(folder, 'weir.yaml');
    writeFileSync(file, configText(options.config), { mode: 0o600 });
    args.push('--config', file);
  }
  const node = existsSync(PINNED_NODE) ? PINNED_NODE : process.execPath;
  const child = spawn(node, [options.program ?? join(ROOT, 'bin/weir.ts'), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const weir = new WeirProcess(child, folder);
  t.teardown(async () => {
    await weir.stop('SIGKILL');
    if (options.cwd === undefined) rmSync(folder, { recursive: true, force: true });
  });
  if (options.waitForAddress !== false) await weir.listening(listenPath(options.config));
  return weir;
}
