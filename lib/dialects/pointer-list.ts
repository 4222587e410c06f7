import { PointerSet } from '../wire/index.ts';

/** Collects the pointers of one reading and hands out their columns, so that no fold counts them by hand. */
export class PointerList {
  readonly #columns = new Map<string, number>();

  /** The column of a pointer; the same pointer always has the same one. */
  column(pointer: string): number {
    let column = this.#columns.get(pointer);
    if (column === undefined) {
      column = this.#columns.size;
      this.#columns.set(pointer, column);
    }
    return column;
  }

  /** The columns of several names for one thing, the preferred name first. */
  columns(prefix: string, names: readonly string[]): readonly number[] {
    return names.map(name => this.column(`${prefix}/${name}`));
  }

  compile(): PointerSet {
    return new PointerSet([...this.#columns.keys()]);
  }
}
