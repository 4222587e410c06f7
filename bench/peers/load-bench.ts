import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClientMessage, LoadOrder, Measurement } from './load/orders.ts';
import { type Processes, reportedPort } from './processes.ts';

/** The mock upstream and the load client: two processes on the load core, alive for the whole run. */
export class LoadBench {
  readonly upstreamPort: number;
  readonly benchPids: number[];
  private readonly mock: ChildProcess;
  private readonly client: ChildProcess;

  private constructor(mock: ChildProcess, client: ChildProcess, upstreamPort: number) {
    this.benchPids = [mock.pid!];
    this.mock = mock;
    this.client = client;
    this.upstreamPort = upstreamPort;
  }

  static async start(processes: Processes, core: number | null, folder: string): Promise<LoadBench> {
    const start = (name: string, program: string) => {
      const logPath = join(folder, `${name}.log`);
      const args = [fileURLToPath(new URL(program, import.meta.url))];
      return {
        logPath,
        child: processes.start({ core, command: process.execPath, args, logPath, ipc: true }),
      };
    };
    const mock = start('mock', './mock/upstream.ts');
    const upstreamPort = await reportedPort(mock.child, mock.logPath);
    const client = start('client', './load/client.ts');
    await once(client.child, 'message');
    return new LoadBench(mock.child, client.child, upstreamPort);
  }

  /** Carries out one order. Rejects if the client fails or dies. */
  async measure(order: LoadOrder): Promise<Measurement> {
    const { promise, resolve, reject } = Promise.withResolvers<Measurement>();
    const onMessage = (message: ClientMessage): void => {
      if (message.type === 'finish-streams') this.mock.send('finish-streams');
      else if (message.type === 'measured') resolve(message.measurement);
      else if (message.type === 'failed') reject(new Error(message.reason));
    };
    const onExit = (): void => reject(new Error('the load client died'));
    this.client.on('message', onMessage).once('exit', onExit);
    this.client.send(order);
    try {
      return await promise;
    } finally {
      this.client.off('message', onMessage).off('exit', onExit);
    }
  }
}
