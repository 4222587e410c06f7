import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';

const READY_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const STOP_TIMEOUT_MS = 3_000;

/** Where a process runs and what it is given. */
export interface ProcessPlan {
  /** The core it is bound to; null leaves it to the kernel. */
  core: number | null;
  command: string;
  args: string[];
  /** stdout and stderr go to this file, so that nobody has to read along. */
  logPath: string;
  /** True gives it a channel to this process, by which our own programs report their port. */
  ipc: boolean;
  env?: Record<string, string>;
  cwd?: string;
}

/** Starts processes bound to cores and ends every one of them. */
export class Processes {
  private readonly running = new Set<ChildProcess>();

  start(plan: ProcessPlan): ChildProcess {
    const bound = plan.core === null ? [] : ['taskset', '-c', String(plan.core)];
    const [command, ...args] = [...bound, plan.command, ...plan.args] as [string, ...string[]];
    const log = openSync(plan.logPath, 'a');
    const child = spawn(command, args, {
      cwd: plan.cwd,
      env: { ...process.env, NODE_ENV: 'production', ...plan.env },
      // Figures may be NaN, which JSON would turn into null.
      serialization: 'advanced',
      stdio: ['ignore', log, log, ...(plan.ipc ? (['ipc'] as const) : [])],
    });
    closeSync(log);
    this.running.add(child);
    child.once('exit', () => this.running.delete(child));
    child.once('error', () => this.running.delete(child));
    return child;
  }

  /** Asks with SIGTERM, insists with SIGKILL. */
  async stop(child: ChildProcess): Promise<void> {
    if (!this.running.has(child)) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(STOP_TIMEOUT_MS, 'late', { ref: false });
    if ((await Promise.race([exited, late])) === 'late') {
      child.kill('SIGKILL');
      await exited;
    }
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.running].map(child => this.stop(child)));
  }
}

/** Waits for the `{ port }` that one of our own programs sends. */
export async function reportedPort(child: ChildProcess, logPath: string): Promise<number> {
  const reported = once(child, 'message').then(([message]) => (message as { port: number }).port);
  return await ready(child, logPath, reported);
}

/** Waits until the log holds what `pattern` finds, and returns its first group. */
export async function logged(child: ChildProcess, logPath: string, pattern: RegExp): Promise<string> {
  const stop = new AbortController();
  const found = async (): Promise<string> => {
    for (;;) {
      const match = pattern.exec(await readFile(logPath, 'utf8'));
      if (match?.[1] !== undefined) return match[1];
      await setTimeout(POLL_MS, undefined, { signal: stop.signal });
    }
  };
  return await ready(child, logPath, found()).finally(() => stop.abort());
}

/** A port that was free a moment ago, for programs that cannot be told to choose one and say which. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function ready<T>(child: ChildProcess, logPath: string, signal: Promise<T>): Promise<T> {
  const died = once(child, 'exit').then(() => 'it exited');
  const late = setTimeout(READY_TIMEOUT_MS, 'it was not ready in time', { ref: false });
  const outcome = await Promise.race([signal.then(value => ({ value })), died, late]);
  if (typeof outcome === 'object') return outcome.value;
  const log = await readFile(logPath, 'utf8');
  throw new Error(`${outcome}: ${log.trim().split('\n').slice(-3).join(' / ')}`);
}
