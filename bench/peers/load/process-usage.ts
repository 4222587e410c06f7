import { readFileSync } from 'node:fs';

/** Linux reports times to programs in hundredths of a second, whatever the kernel's own tick. */
const TICK_MS = 10;
const RSS_SAMPLE_MS = 100;

/** CPU and peak resident memory of some processes, all their threads included, over one window. */
export class ProcessUsage {
  cpuMs = 0;
  peakRssBytes = 0;
  private readonly pids: readonly number[];
  private cpuAtStartMs = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(pids: readonly number[]) {
    this.pids = pids;
  }

  start(): void {
    this.peakRssBytes = 0;
    this.sampleRss();
    this.timer = setInterval(() => this.sampleRss(), RSS_SAMPLE_MS);
    this.cpuAtStartMs = cpuSoFarMs(this.pids);
  }

  stop(): void {
    this.cpuMs = cpuSoFarMs(this.pids) - this.cpuAtStartMs;
    if (this.timer !== null) clearInterval(this.timer);
    this.sampleRss();
  }

  private sampleRss(): void {
    let bytes = 0;
    for (const pid of this.pids) {
      const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
      bytes += Number(kib ?? 0) * 1024;
    }
    this.peakRssBytes = Math.max(this.peakRssBytes, bytes);
  }
}

/** CPU time so far of some processes, user and system, of all their threads. */
export function cpuSoFarMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Fields are counted from behind the command's `)`, since a command may hold blanks: state is the first.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_MS;
}
