import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logged } from '../processes.ts';
import { CLIENT_KEY } from '../request.ts';
import { CHAT_PATH, type GatewayPlan, type House } from './gateway.ts';
import { installedVersion } from './installed-version.ts';
import { programPath } from './node-gateway.ts';

const ROOT = programPath('../../..');
const PROGRAM = join(ROOT, 'bin/weir.ts');
const SETUP = 'static client key, one pool key, one worker, usage tap, a log line per request';

/** Weir without a journal: facts go to its log only. */
export const weir = weirPlan('weir', `${SETUP}, journal off`, '');

/** Weir with its journal: every answer waits for its fact to be written. */
export const weirJournal = weirPlan(
  'weir-journal',
  `${SETUP}, journal on`,
  'usage: { journal: ./journal, store: none }\n',
);

/** @param usage the section `usage` of its config, or nothing. */
export function weirPlan(name: string, about: string, usage: string): GatewayPlan {
  return {
    name,
    about,
    version,
    start: async house => {
      const configPath = join(house.folder, 'config.yaml');
      await writeFile(configPath, configFile(house) + usage);
      const logPath = join(house.folder, 'output.log');
      const child = house.processes.start({
        core: house.core,
        command: process.execPath,
        args: [PROGRAM, 'serve', '--config', configPath],
        logPath,
        ipc: false,
        env: { BENCH_POOL_KEY: 'bench-pool-key-000000000000', BENCH_CLIENT_KEY: CLIENT_KEY },
      });
      const port = Number(await logged(child, logPath, /http:\/\/127\.0\.0\.1:(\d+)/));
      const stop = () => house.processes.stop(child);
      return { port, pids: [child.pid!], path: `/bench${CHAT_PATH}`, headers: '', stop };
    },
  };
}

function configFile(house: House): string {
  return `listen: { host: 127.0.0.1, port: 0, workers: 1 }
providers:
  bench: { origin: "http://127.0.0.1:${house.upstreamPort}", dialect: openai, keys: [env:BENCH_POOL_KEY] }
auth:
  staticKeys: [{ id: bench, key: env:BENCH_CLIENT_KEY, subject: bench, grant: { providers: [bench] } }]
drain: { lameDuckMs: 0, drainMs: 1000 }
`;
}

async function version(): Promise<string | null> {
  if (!existsSync(PROGRAM)) return null;
  const stated = await installedVersion(new URL('../../../package.json', import.meta.url));
  const commit = spawnSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD']);
  const changed = spawnSync('git', ['-C', ROOT, 'status', '--porcelain', '--', 'lib', 'bin', 'providers']);
  if (commit.status !== 0) return stated;
  return `${stated} at ${commit.stdout.toString().trim()}${changed.stdout.length > 0 ? ' with changes' : ''}`;
}
