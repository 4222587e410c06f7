import type { UpstreamConnection } from './connection.ts';
import type { RecordedRequest } from './recorded-request.ts';

/** The peer left while a script was writing: the script ends there, which is no fault. */
export class ConnectionGone extends Error {
  override readonly name = 'ConnectionGone';
}

/** One thing the scripted provider does. */
export type Step = (turn: Turn) => void | Promise<void>;

export type Script = Step | readonly Step[];

/** A script at work on one request. */
export class Turn {
  readonly request: RecordedRequest;
  readonly connection: UpstreamConnection;
  /** The most bytes written at once. */
  splitBytes = Number.POSITIVE_INFINITY;

  constructor(request: RecordedRequest) {
    this.request = request;
    this.connection = request.connection;
  }

  /** Writes, in pieces where a script asked for them, each in its own turn of the event loop. */
  async write(data: Buffer): Promise<void> {
    if (data.length <= this.splitBytes) {
      await this.connection.write(data);
      return;
    }
    for (let at = 0; at < data.length; at += this.splitBytes) {
      await this.connection.write(data.subarray(at, at + this.splitBytes));
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  async run(script: Script): Promise<void> {
    if (typeof script === 'function') {
      await script(this);
      return;
    }
    for (const step of script) await step(this);
  }
}
