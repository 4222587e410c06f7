import { setTimeout } from 'node:timers/promises';
import { coresBusyMs } from './core-load.ts';
import { LatencySamples } from './latency-samples.ts';
import type { LoadOrder, Measurement } from './orders.ts';
import { cpuSoFarMs, ProcessUsage } from './process-usage.ts';

const MAX_ERRORS = 50;

/** The measured span of a run: what is recorded outside it counts only if it is an error. */
export class Window {
  errors = 0;
  firstError: string | null = null;
  private readonly samples = new LatencySamples();
  private readonly usage: ProcessUsage;
  private readonly order: LoadOrder;
  private othersMs = 0;
  private openedAt = 0;
  private elapsedMs = 0;
  private isOpen = false;
  private giveUp: (() => void) | null = null;

  constructor(order: LoadOrder) {
    this.order = order;
    this.usage = new ProcessUsage(order.pids);
  }

  record(ms: number): void {
    if (this.isOpen) this.samples.add(ms);
  }

  fail(reason: string): void {
    this.firstError ??= reason;
    if (++this.errors >= MAX_ERRORS) this.giveUp?.();
  }

  /** Waits `warmMs`, then measures `measureMs`; ends early once there are too many errors. */
  async pass(warmMs: number, measureMs: number): Promise<void> {
    const gaveUp = new Promise<void>(resolve => {
      this.giveUp = resolve;
    });
    if (this.errors >= MAX_ERRORS) return;
    await Promise.race([setTimeout(warmMs), gaveUp]);
    this.open();
    if (this.errors < MAX_ERRORS) await Promise.race([setTimeout(measureMs), gaveUp]);
    this.close();
  }

  measurement(): Measurement {
    if (this.samples.count === 0 && this.errors === 0) this.fail('nothing arrived in the window');
    const [p50Ms, p99Ms, maxMs] = this.samples.quantiles(0.5, 0.99, 1) as [number, number, number];
    const { cpuMs, peakRssBytes } = this.usage;
    const { errors, firstError, elapsedMs } = this;
    const { cores } = this.order;
    const othersBusy = cores.length === 0 ? null : Math.max(0, this.othersMs / elapsedMs / cores.length);
    const count = this.samples.count;
    return { count, errors, firstError, elapsedMs, p50Ms, p99Ms, maxMs, cpuMs, peakRssBytes, othersBusy };
  }

  private othersSoFarMs(): number {
    const { cores, pids } = this.order;
    return coresBusyMs(cores) - cpuSoFarMs([process.pid, ...pids]);
  }

  private open(): void {
    this.usage.start();
    this.othersMs = -this.othersSoFarMs();
    this.openedAt = performance.now();
    this.isOpen = true;
  }

  private close(): void {
    this.isOpen = false;
    this.elapsedMs = performance.now() - this.openedAt;
    this.usage.stop();
    this.othersMs += this.othersSoFarMs();
  }
}
