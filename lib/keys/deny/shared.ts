/** Something that several owners use, and that ends when the last of them lets go. */
export class Shared<T> {
  readonly value: T;
  #owners = 1;

  constructor(value: T) {
    this.value = value;
  }

  retain(): this {
    this.#owners++;
    return this;
  }

  /** True for the last owner: what is to be done at the end is his. */
  release(): boolean {
    this.#owners--;
    return this.#owners === 0;
  }
}
