import { DEADLINE_MS } from './within.ts';

/** Lets a test wait for a state of something that changes, without polling: its owner says when it did. */
export class Changes {
  readonly #checks = new Set<() => void>();

  /** Called by the owner after every change of what `until` may read. */
  notify(): void {
    for (const check of [...this.#checks]) check();
  }

  /** The first value of `read` that is not null, undefined or false. Rejects at the deadline, naming `what`. */
  until<T>(read: () => T | null | undefined | false, what: string, timeoutMs = DEADLINE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const check = (): void => {
        try {
          const value = read();
          if (value === null || value === undefined || value === false) return;
          settle();
          resolve(value);
        } catch (error) {
          settle();
          reject(error as Error);
        }
      };
      const settle = (): void => {
        clearTimeout(timer);
        this.#checks.delete(check);
      };
      this.#checks.add(check);
      timer = setTimeout(() => {
        settle();
        reject(new Error(`waited ${timeoutMs} ms for ${what}`));
      }, timeoutMs);
      check();
    });
  }
}
