import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../processes.ts';
import { CHAT_PATH, type GatewayPlan, type House } from './gateway.ts';

const ATTEMPTS = 250;
const POLL_MS = 20;

/** nginx as a streaming reverse proxy: one worker, upstream keep-alive, no buffering, no access log. */
export const nginx: GatewayPlan = {
  name: 'nginx',
  about: '`proxy_pass`, one worker, upstream keep-alive, `proxy_buffering off`, no access log',
  version: async () => /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v']).stderr?.toString() ?? '')?.[1] ?? null,
  start: async house => {
    const port = await freePort();
    await writeFile(join(house.folder, 'nginx.conf'), configFile(house, port));
    const master = house.processes.start({
      core: house.core,
      command: 'nginx',
      args: ['-p', house.folder, '-e', 'error.log', '-c', 'nginx.conf'],
      logPath: join(house.folder, 'output.log'),
      ipc: false,
    });
    await listening(port);
    return {
      port,
      pids: await childrenOf(master.pid!),
      path: CHAT_PATH,
      headers: '',
      stop: () => house.processes.stop(master),
    };
  },
};

function configFile(house: House, port: number): string {
  return `daemon off;
worker_processes 1;
pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream mock {
    server 127.0.0.1:${house.upstreamPort};
    keepalive 512;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=2048;
    location / {
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`;
}

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const opened = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (opened) return;
    await setTimeout(POLL_MS);
  }
  throw new Error('nginx does not listen');
}

/** The workers: nginx may listen before it has forked them. */
async function childrenOf(pid: number): Promise<number[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1')).trim();
    if (children !== '') return children.split(' ').map(Number);
    await setTimeout(POLL_MS);
  }
  throw new Error('nginx has no workers');
}
