import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves after that time, or at once when the signal says stop. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

/** The promise's value, or null as soon as the signal says stop; what the promise does later is nobody's concern then. */
export async function unlessStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) {
    promise.catch(() => {});
    return null;
  }
  const { promise: stopped, resolve } = Promise.withResolvers<null>();
  const stop = (): void => resolve(null);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The promise's value, or what `late` makes when it takes longer. */
export async function withTimeLimit<T>(promise: Promise<T>, limitMs: number, late: () => T): Promise<T> {
  const { promise: timeUp, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => {
    try {
      resolve(late());
    } catch (error) {
      reject(error as Error);
    }
  }, limitMs);
  try {
    return await Promise.race([promise, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}
