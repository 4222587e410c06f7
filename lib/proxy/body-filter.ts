/** Takes something out of a body on its way down. Holds as little as it can; everything else passes as it came. */
export interface BodyFilter {
  /** The bytes to send on, in order. */
  push(chunk: Buffer): readonly Buffer[];
  /** The body is over: what was still held. */
  end(): readonly Buffer[];
}

export const NOTHING: readonly Buffer[] = [];
