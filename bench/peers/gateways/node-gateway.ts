import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reportedPort } from '../processes.ts';
import { CHAT_PATH, type House, type RunningGateway } from './gateway.ts';

/** Starts a Node program that reports its port over the channel; it finds the mock in `UPSTREAM`. */
export async function startNodeGateway(house: House, args: string[], headers = ''): Promise<RunningGateway> {
  const logPath = join(house.folder, 'output.log');
  const child = house.processes.start({
    core: house.core,
    command: process.execPath,
    args,
    logPath,
    ipc: true,
    env: { UPSTREAM: `http://127.0.0.1:${house.upstreamPort}` },
  });
  return {
    port: await reportedPort(child, logPath),
    pids: [child.pid!],
    path: CHAT_PATH,
    headers,
    stop: () => house.processes.stop(child),
  };
}

/** The path of a file beside the gateways' plans. */
export function programPath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
