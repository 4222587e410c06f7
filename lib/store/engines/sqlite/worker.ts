import { parentPort, workerData } from 'node:worker_threads';
import {
  type Answer,
  type CallName,
  type Calls,
  isLongRead,
  type Question,
  type ThreadSettings,
} from './calls.ts';
import { openDatabase, type SqliteDatabase } from './database.ts';

/** The thread that owns the database: one question after the other. Null ends it. */
class LedgerThread {
  readonly #settings: ThreadSettings;
  #database: SqliteDatabase | null = null;

  constructor(settings: ThreadSettings) {
    this.#settings = settings;
  }

  answer({ seq, name, args }: Question): Answer {
    try {
      return { seq, ok: true, value: this.#run(name, args) };
    } catch (error) {
      // Whatever it was, the next call begins with a database opened anew.
      this.close();
      return { seq, ok: false, problem: (error as Error).message };
    }
  }

  #run<K extends CallName>(name: K, args: Parameters<Calls[K]>): ReturnType<Calls[K]> {
    // What is read is what is there now: another file may have come into its place.
    if (isLongRead(name) && this.#database?.isInPlace === false) this.close();
    this.#database ??= openDatabase(this.#settings);
    const call = this.#database[name] as (...args: Parameters<Calls[K]>) => ReturnType<Calls[K]>;
    return call.apply(this.#database, args);
  }

  close(): void {
    try {
      this.#database?.close();
    } finally {
      this.#database = null;
    }
  }
}

const port = parentPort!;
const thread = new LedgerThread(workerData as ThreadSettings);
port.on('message', (question: Question | null) => {
  if (question !== null) {
    port.postMessage(thread.answer(question));
    return;
  }
  thread.close();
  port.close();
});
