/** The pause of a loop between two rounds, which somebody may end early. Keeps no process alive. */
export class Rest {
  #end: (() => void) | null = null;

  take(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms).unref();
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nothing where nobody rests. */
  end(): void {
    this.#end?.();
  }
}
