import { readFileSync } from 'node:fs';

const TICK_MS = 10;

/** Busy time so far of the cores given, whoever used it, interrupts and steal included. */
export function coresBusyMs(cores: readonly number[]): number {
  const stat = readFileSync('/proc/stat', 'latin1');
  let ticks = 0;
  for (const core of cores) {
    const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(stat)?.[1] ?? '';
    const [user, nice, system, , , irq, softirq, steal] = line.split(' ').map(Number);
    for (const spent of [user, nice, system, irq, softirq, steal]) ticks += spent ?? 0;
  }
  return ticks * TICK_MS;
}
