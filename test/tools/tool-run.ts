import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { Changes } from '../deadline/index.ts';
import { closedPort } from '../upstream/index.ts';

const PACKAGES = join(import.meta.dirname, 'node_modules');
const RUN_DEADLINE_MS = 60_000;

/** The platform of the tools that are installed as the one binary they are. */
const BINARIES_FOR = 'linux-x64';

/**
 * Registers a test of tools that are installed apart from the project's own
 * packages. `binary`: the tool is installed for one platform only.
 */
export function toolTest(
  t: Test,
  name: string,
  run: (t: Test) => Promise<void>,
  kind: 'portable' | 'binary' = 'portable',
): void {
  t.setTimeout(2 * RUN_DEADLINE_MS);
  const absent = 'the tools are absent: npm ci --ignore-scripts --prefix test/tools';
  const installed = existsSync(PACKAGES);
  if (kind === 'binary' && `${process.platform}-${process.arch}` !== BINARIES_FOR) {
    void t.test(name, { skip: `it is installed for ${BINARIES_FOR} only` }, async () => {});
  } else if (installed) void t.test(name, run);
  else if (process.env.WEIR_REQUIRE_TOOLS === '1') t.fail(absent);
  else void t.test(name, { skip: absent }, async () => {});
}

/** A file below the installed packages. */
export function packageFile(path: string): string {
  const file = join(PACKAGES, path);
  if (!existsSync(file)) throw new Error(`${path} is not installed`);
  return file;
}

/** Everything a package exports. The tools may be absent, so types cannot come from them: the caller states what it uses. */
export async function importPackage<T>(name: string): Promise<T> {
  return (await import(import.meta.resolve(name))) as T;
}

export interface ToolOptions {
  /** The program and its first arguments; a script is run by this Node. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files written before the start, by their path below the tool's home. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * A command-line tool at work in a home folder of its own, without the
 * machine's environment, and where HTTPS leads nowhere: what it needs must
 * come through the base URL it was given.
 */
export class ToolRun {
  readonly home: string;
  stdout = '';
  stderr = '';
  /** Null while it runs. */
  exitCode: number | null = null;
  readonly changes = new Changes();

  constructor(home: string) {
    this.home = home;
  }

  /** Waits until it has printed something. */
  async printed(text: string): Promise<void> {
    await this.#until(() => {
      if (this.exitCode !== null && !this.stdout.includes(text)) throw new Error('it ended before');
      return this.stdout.includes(text);
    }, JSON.stringify(text));
  }

  /** Waits for its end and gives what it printed to stdout. */
  async ended(): Promise<string> {
    await this.#until(() => this.exitCode !== null, 'its end');
    return this.stdout;
  }

  async #until(read: () => boolean, what: string): Promise<void> {
    await this.changes.until(read, what, RUN_DEADLINE_MS).catch((error: Error) => {
      throw new Error(`${error.message}\n--- the tool said ---\n${(this.stdout + this.stderr).slice(-3000)}`);
    });
  }
}

function writeFiles(home: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text);
  }
}

/** Starts a tool in `<home>/work`. It and what it left running are ended with the test. */
export async function startTool(t: Test, options: ToolOptions): Promise<ToolRun> {
  const run = new ToolRun(mkdtempSync(join(tmpdir(), 'weir-tool-')));
  writeFiles(run.home, { 'work/README.md': 'A folder to work in.\n', ...options.files });
  const [first = '', ...rest] = options.command;
  const isScript = /\.[cm]?js$/.test(first);
  const nowhere = `http://127.0.0.1:${await closedPort()}`;
  const child = spawn(
    isScript ? process.execPath : first,
    [...(isScript ? [first] : []), ...rest, ...options.args],
    {
      cwd: join(run.home, 'work'),
      env: {
        PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
        HOME: run.home,
        TERM: 'dumb',
        NO_COLOR: '1',
        HTTPS_PROXY: nowhere,
        NO_PROXY: '127.0.0.1,localhost',
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that its children can be ended with it.
      detached: true,
    },
  );
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.stdout += text;
    run.changes.notify();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.stderr += text;
    run.changes.notify();
  });
  const closed = new Promise<void>(resolve => {
    child.on('close', code => {
      run.exitCode = code ?? -1;
      run.changes.notify();
      resolve();
    });
  });
  t.teardown(async () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // The whole group has ended.
    }
    await closed;
    rmSync(run.home, { recursive: true, force: true, maxRetries: 3 });
  });
  return run;
}

/** Runs a tool to its end, which must be a good one, and gives what it printed. */
export async function runTool(t: Test, options: ToolOptions): Promise<string> {
  const run = await startTool(t, options);
  const printed = await run.ended();
  t.equal(
    run.exitCode,
    0,
    `it ended well${run.exitCode === 0 ? '' : `: ${run.stdout}${run.stderr}`.slice(0, 3000)}`,
  );
  return printed;
}
