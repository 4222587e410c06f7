import { appendFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fact, FactSink, Metric, Warning } from '../pipeline/index.ts';
import type { UsageHouse, UsagePart } from './part.ts';

/** Lines of this long leave in one write. */
const FLUSH_MS = 200;
/** What may wait for a slow disk; past it lines are dropped and counted. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

interface RequestLogOptions {
  readonly file: string;
  readonly warn: (warning: Warning) => void;
}

/**
 * Facts as lines of a file that others rotate. The file is opened anew for
 * every batch, so it may be moved, removed or truncated at any time and there
 * is nothing to signal. Best effort: what cannot be written is dropped and
 * counted, and no request waits for it or fails by it.
 */
class RequestLog implements FactSink {
  readonly name = 'requestLog';
  readonly #options: RequestLogOptions;
  #lines: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #failing = false;
  /** A write broke off: the next one begins with a line of its own. */
  #torn = false;
  #closed = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(options: RequestLogOptions) {
    this.#options = options;
  }

  get metrics(): readonly Metric[] {
    return [
      {
        name: 'weir_request_log_dropped_lines_total',
        type: 'counter',
        help: 'Lines of the request log that could not be written.',
        labels: [],
        read: () => [{ labels: {}, value: this.#dropped }],
      },
    ];
  }

  take(fact: Fact): boolean {
    const line = `${JSON.stringify(fact)}\n`;
    if (this.#waitingBytes + line.length > WAITING_BYTES_MAX) {
      this.#dropped++;
      return false;
    }
    this.#lines.push(line);
    this.#waitingBytes += line.length;
    this.#loop ??= this.#run();
    return false;
  }

  /** Ends when nothing waits any more. */
  async #run(): Promise<void> {
    while (this.#lines.length > 0) {
      await delay(FLUSH_MS, undefined, { signal: this.#closed.signal, ref: false }).catch(() => {});
      const lines = this.#lines;
      this.#lines = [];
      this.#waitingBytes = 0;
      await this.#write(lines);
    }
    this.#loop = null;
  }

  async #write(lines: readonly string[]): Promise<void> {
    try {
      await appendFile(this.#options.file, (this.#torn ? '\n' : '') + lines.join(''), { mode: 0o640 });
      this.#torn = false;
      this.#failing = false;
    } catch (error) {
      this.#torn = true;
      this.#dropped += lines.length;
      if (!this.#failing) this.#report((error as Error).message);
      this.#failing = true;
    }
  }

  #report(problem: string): void {
    const message = `The request log cannot be written (${problem}). Lines are dropped until it can.`;
    this.#options.warn({ code: 'request_log_failing', message });
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#loop;
  }
}

export function startRequestLog(file: string, { house }: UsageHouse): UsagePart {
  const log = new RequestLog({ file, warn: warning => house.warn(warning) });
  return { sinks: [log], metrics: log.metrics, close: () => log.close() };
}
