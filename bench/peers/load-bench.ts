import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchMessage, LoadOrder, Measurement } from './load/orders.ts';
import { type Processes, reportedPort } from './processes.ts';

/** The process with mock upstream and load client, on the load core, alive for the whole run. */
export class LoadBench {
  readonly upstreamPort: number;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, upstreamPort: number) {
    this.child = child;
    this.upstreamPort = upstreamPort;
  }

  static async start(processes: Processes, core: number | null, folder: string): Promise<LoadBench> {
    const logPath = join(folder, 'bench.log');
    const args = [fileURLToPath(new URL('./load/bench-process.ts', import.meta.url))];
    const child = processes.start({ core, command: process.execPath, args, logPath, ipc: true });
    return new LoadBench(child, await reportedPort(child, logPath));
  }

  /** Carries out one order. Rejects if the process fails or dies. */
  async measure(order: LoadOrder): Promise<Measurement> {
    const { promise, resolve, reject } = Promise.withResolvers<Measurement>();
    const onMessage = (message: BenchMessage): void => {
      if (message.type === 'measured') resolve(message.measurement);
      else if (message.type === 'failed') reject(new Error(message.reason));
    };
    const onExit = (): void => reject(new Error('the load process died'));
    this.child.on('message', onMessage).once('exit', onExit);
    this.child.send(order);
    try {
      return await promise;
    } finally {
      this.child.off('message', onMessage).off('exit', onExit);
    }
  }
}
