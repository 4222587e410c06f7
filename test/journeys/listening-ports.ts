import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** State of a listening socket in /proc/net/tcp. */
const LISTENING = '0A';

/** The TCP ports that a process listens on, ascending; null where the platform does not tell. */
export function listeningPorts(pid: number): readonly number[] | null {
  if (!existsSync(`/proc/${pid}/net/tcp`)) return null;
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map(fd => socketOf(`/proc/${pid}/fd/${fd}`)));
  return ['tcp', 'tcp6']
    .flatMap(table => readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trim().split('\n').slice(1))
    .map(row => row.trim().split(/\s+/))
    .filter(columns => columns[3] === LISTENING && sockets.has(columns[9]!))
    .map(columns => Number.parseInt(columns[1]!.split(':')[1]!, 16))
    .sort((a, b) => a - b);
}

/** The inode of the socket that an open file is, or null. */
function socketOf(link: string): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1] ?? null;
  } catch {
    return null;
  }
}
