export interface StreamMessage {
  /** Of two messages with one id the server keeps the first, within its window. ASCII. */
  readonly id: string;
  readonly payload: string;
}

/** A JetStream stream that messages are appended to. Connecting goes on in the background for as long as it takes. */
export interface MessageStream {
  /**
   * Appends messages; resolves once the server has acknowledged every one of
   * them. A stream that is not there is made, where we may.
   *
   * @throws {BusError} where that could not be done within some seconds: then any of them may be there.
   */
  append(messages: readonly StreamMessage[], signal: AbortSignal): Promise<void>;
  /** Ends within a second, connected or not. */
  close(): Promise<void>;
}
