export interface KeySpan {
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface RootKeys {
  readonly openBrace: number;
  readonly empty: boolean;
  readonly ambiguous: boolean;
  readonly keys: ReadonlyMap<string, KeySpan>;
  /** Of each name asked for whose value is an object: that object's own keys. */
  readonly nested: ReadonlyMap<string, RootKeys>;
}

export function scanRootKeys(_body: Buffer, _nested: readonly string[] = []): RootKeys | null {
  return null;
}
