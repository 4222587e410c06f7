import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { StoreResult } from '../../ledger.ts';
import type { Answer, CallName, Calls, Question, ThreadSettings } from './calls.ts';

type Settle = (answer: StoreResult<unknown>) => void;

/** `worker.ts` in a checkout, `worker.js` in a built package: the compiler does not rewrite a URL. */
function workerFile(): URL {
  return new URL(`./worker${extname(import.meta.filename)}`, import.meta.url);
}

/** Puts questions to a thread of its own, which answers one after the other. A thread that dies is replaced by the next call. */
export class ThreadCaller {
  readonly #settings: ThreadSettings;
  readonly #waiting = new Map<number, Settle>();
  #thread: Worker | null = null;
  #seq = 0;
  #closed = false;

  constructor(settings: ThreadSettings) {
    this.#settings = settings;
  }

  call<K extends CallName>(
    name: K,
    ...args: Parameters<Calls[K]>
  ): Promise<StoreResult<ReturnType<Calls[K]>>> {
    if (this.#closed) return Promise.resolve({ ok: false, problem: 'the store is closed' });
    const thread = this.#open();
    const question: Question<K> = { seq: ++this.#seq, name, args };
    return new Promise(resolve => {
      this.#waiting.set(question.seq, resolve as Settle);
      thread.ref();
      thread.postMessage(question);
    });
  }

  #open(): Worker {
    if (this.#thread !== null) return this.#thread;
    const thread = new Worker(workerFile(), {
      workerData: this.#settings,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    thread.on('message', (answer: Answer) => this.#settle(answer));
    let problem = 'its thread ended';
    thread.on('error', error => {
      problem = String(error);
    });
    thread.on('exit', () => this.#onExit(thread, problem));
    this.#thread = thread;
    return thread;
  }

  #settle(answer: Answer): void {
    const settle = this.#waiting.get(answer.seq);
    this.#waiting.delete(answer.seq);
    // A process that waits for nothing else may end.
    if (this.#waiting.size === 0 && !this.#closed) this.#thread?.unref();
    settle?.(answer.ok ? { ok: true, value: answer.value } : { ok: false, problem: answer.problem });
  }

  #onExit(thread: Worker, problem: string): void {
    if (this.#thread !== thread) return;
    this.#thread = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const settle of waiting) settle({ ok: false, problem });
  }

  /** What was asked before is answered first. */
  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    if (thread === null) return;
    thread.ref();
    const exit = once(thread, 'exit');
    thread.postMessage(null);
    await exit;
  }
}
