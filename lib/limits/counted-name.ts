import type { SketchKey, SketchSeed } from '../base/index.ts';

/** What is counted as one: a key, a subject, an address. Remembers where it lies, under the two seeds last asked for. */
export class CountedName {
  readonly text: string;
  readonly #kind: string;
  #seed: SketchSeed | null = null;
  #key: SketchKey | null = null;
  #otherSeed: SketchSeed | null = null;
  #otherKey: SketchKey | null = null;

  /** @param kind names of different kinds never fall together by their spelling. */
  constructor(kind: string, text: string) {
    this.#kind = kind;
    this.text = text;
  }

  under(seed: SketchSeed): SketchKey {
    if (seed === this.#seed) return this.#key!;
    if (seed === this.#otherSeed) return this.#otherKey!;
    this.#otherSeed = this.#seed;
    this.#otherKey = this.#key;
    this.#seed = seed;
    this.#key = seed.keyOf(this.#kind, this.text);
    return this.#key;
  }
}
