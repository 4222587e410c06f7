/** The part of `process` that delivers signals. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** What the command line needs of the process around it. A test gives its own. */
export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Whether a person reads `stdout`. */
  readonly isTty: boolean;
  /** How many characters a line of theirs has; absent where nobody reads. */
  readonly columns?: number;
  /** How this program was called, for the commands it suggests: `weir`, or `npm start --` in a checkout. */
  readonly invocation: string;
  readonly signals: SignalSource;
}

/** Exit statuses (CONTRACT §9). */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;
