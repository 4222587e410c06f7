import { readdirSync } from 'node:fs';
import {
  constants,
  monitorEventLoopDelay,
  type PerformanceNodeEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import type { Metric, MetricSample } from '../pipeline/index.ts';

/** How often the event loop is looked at. What it measures includes this much: it is taken off. */
const RESOLUTION_MS = 20;

const QUANTILES = [
  ['0.5', 50],
  ['0.99', 99],
  ['1', 100],
] as const;

const GC_KINDS: ReadonlyMap<unknown, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

function one(value: number): readonly MetricSample[] {
  return [{ labels: {}, value }];
}

/**
 * What the process itself is like. prom-client's own collectors would leave a
 * timer and an observer behind, which a library must not.
 */
export class MetricsOfProcess {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #gcSeconds = new Map<string, number>();
  readonly #gcObserver: PerformanceObserver;
  readonly #startedSeconds = performance.timeOrigin / 1000;

  constructor() {
    this.#delay.enable();
    this.#gcObserver = new PerformanceObserver(list => {
      for (const entry of list.getEntries() as PerformanceNodeEntry[]) {
        const kind = GC_KINDS.get(entry.detail.kind) ?? 'other';
        this.#gcSeconds.set(kind, (this.#gcSeconds.get(kind) ?? 0) + entry.duration / 1000);
      }
    });
    this.#gcObserver.observe({ entryTypes: ['gc'] });
  }

  /** Ends the measuring: nothing of it runs on. */
  close(): void {
    this.#delay.disable();
    this.#gcObserver.disconnect();
  }

  readonly metrics: readonly Metric[] = [
    {
      name: 'weir_process_cpu_seconds_total',
      type: 'counter',
      help: 'CPU time of the process, user and system.',
      labels: [],
      read: () => {
        const { user, system } = process.cpuUsage();
        return one((user + system) / 1e6);
      },
    },
    {
      name: 'weir_process_resident_memory_bytes',
      type: 'gauge',
      help: 'Resident memory of the process.',
      labels: [],
      read: () => one(process.memoryUsage.rss()),
    },
    {
      name: 'weir_process_start_time_seconds',
      type: 'gauge',
      help: 'When the process started, Unix time.',
      labels: [],
      read: () => one(this.#startedSeconds),
    },
    {
      name: 'weir_process_open_fds',
      type: 'gauge',
      help: 'Open file descriptors, where the system lists them.',
      labels: [],
      read: openDescriptors,
    },
    {
      name: 'weir_nodejs_memory_bytes',
      type: 'gauge',
      help: 'Memory of the runtime by kind; array buffers hold body bytes on their way.',
      labels: ['kind'],
      read: () => {
        const { heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
        const kinds = { heap_used: heapUsed, heap_total: heapTotal, external, array_buffers: arrayBuffers };
        return Object.entries(kinds).map(([kind, value]) => ({ labels: { kind }, value }));
      },
    },
    {
      name: 'weir_nodejs_eventloop_busy_seconds_total',
      type: 'counter',
      help: 'Time in which the event loop was not waiting.',
      labels: [],
      read: () => one(performance.eventLoopUtilization().active / 1000),
    },
    {
      name: 'weir_nodejs_eventloop_delay_seconds',
      type: 'gauge',
      help: 'How late the event loop was since metrics were last read, by quantile.',
      labels: ['quantile'],
      read: () => {
        const samples = QUANTILES.map(([quantile, percentile]) => {
          const seconds = this.#delay.percentile(percentile) / 1e9 - RESOLUTION_MS / 1000;
          return { labels: { quantile }, value: Math.max(0, seconds) };
        });
        this.#delay.reset();
        return samples;
      },
    },
    {
      name: 'weir_nodejs_gc_seconds_total',
      type: 'counter',
      help: 'Time spent in garbage collection, by kind.',
      labels: ['kind'],
      read: () => [...this.#gcSeconds].map(([kind, value]) => ({ labels: { kind }, value })),
    },
  ];
}

function openDescriptors(): readonly MetricSample[] {
  try {
    return one(readdirSync('/proc/self/fd').length);
  } catch {
    return [];
  }
}
