import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino';
import type { Fact, FactSink, Warning } from '../pipeline/index.ts';
import { factLine } from './fact-line.ts';

/** Lines leave in batches of this size, or this often, whatever comes first: one write for many requests. */
const BATCH_BYTES = 8 * 1024;
const FLUSH_MS = 50;

export interface LogOptions {
  /** pino level: trace, debug, info, warn, error, fatal, silent. */
  readonly level?: string | undefined;
  /** Coloured lines for a person; otherwise one JSON object a line. */
  readonly pretty: boolean;
  readonly stream: NodeJS.WritableStream;
}

async function openStream({ pretty, stream }: LogOptions): Promise<DestinationStream> {
  if (pretty) {
    // Loaded only where a person watches: it costs start time.
    const { PinoPretty } = await import('pino-pretty');
    const ignore = 'pid,hostname,fact,id,requestId';
    return PinoPretty({ destination: stream as never, colorize: true, translateTime: 'HH:MM:ss.l', ignore });
  }
  const { fd } = stream as { fd?: unknown };
  // Writing to a pipe through process.stdout blocks the thread that relays.
  return typeof fd === 'number'
    ? destination({ fd, sync: false, minLength: BATCH_BYTES, periodicFlush: FLUSH_MS })
    : stream;
}

/** The operational log: one line per fact, warnings, and bugs with their stack. */
export class Log {
  readonly #pino: PinoLogger;

  private constructor(logger: PinoLogger) {
    this.#pino = logger;
  }

  static async open(options: LogOptions): Promise<Log> {
    return new Log(pino({ level: options.level ?? 'info', base: null }, await openStream(options)));
  }

  /**
   * The fact sink that writes the line of every exchange. `whole` puts the fact
   * itself on it, for a gateway whose log is the only place that keeps facts;
   * otherwise its id leads to the journal.
   */
  sink(whole: boolean): FactSink {
    return {
      name: 'log',
      take: fact => this.#line(fact, whole ? { fact } : { id: fact.id, requestId: fact.requestId }),
    };
  }

  #line(fact: Fact, members: object): boolean {
    const failed =
      fact.outcome === 'upstreamFailed' || fact.outcome === 'upstreamTruncated' || fact.outcome === 'lost';
    if (failed || fact.errorCode === 'internal') this.#pino.warn(members, factLine(fact));
    else this.#pino.info(members, factLine(fact));
    return false;
  }

  info(message: string): void {
    this.#pino.info(message);
  }

  warn(warning: Warning): void {
    this.#pino.warn({ code: warning.code }, warning.message);
  }

  /** A fault of ours. Upstream addresses in it are the operator's to see, never the client's. */
  bug(error: unknown, requestId: string | null): void {
    // Name, message and stack alone: an error object may carry bytes of a body.
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    this.#pino.error({ err: { type: name, message, stack }, requestId }, 'internal error');
  }

  flush(): void {
    this.#pino.flush();
  }
}
