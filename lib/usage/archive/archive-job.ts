import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { StoreUrl } from '../../store/index.ts';
import type { ExportFormat } from '../export/fact-file.ts';
import type { Period } from '../periods/period.ts';
import type { PeriodResult } from '../periods/period-loop.ts';
import type { ArchiveSettings, S3Settings } from './settings.ts';

/** What the thread is given. A `Secret` does not pass between threads: it is packed again at once over there. */
export interface ArchiveJob {
  /** A store's URL, which may hold a password. */
  readonly store: string;
  readonly period: Period;
  readonly s3: Omit<S3Settings, 'accessKeyId' | 'secretAccessKey'> & {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  readonly format: ExportFormat;
  readonly folder: string;
  readonly sign: string | null;
  readonly nowMs: number;
  readonly graceMs: number;
}

export interface ArchiveJobParts {
  readonly store: StoreUrl;
  readonly period: Period;
  readonly settings: ArchiveSettings;
  readonly nowMs: number;
  readonly graceMs: number;
}

/** `.ts` in a checkout, `.js` in a built package: the compiler does not rewrite a URL. */
function workerFile(): URL {
  return new URL(`./archive-worker${extname(import.meta.filename)}`, import.meta.url);
}

/** Ships a period in a thread of its own, with a connection to the store of its own: the thread that relays has no part in it. */
export function runArchiveJob(parts: ArchiveJobParts, signal: AbortSignal): Promise<PeriodResult> {
  const { settings, store, ...job } = parts;
  const { s3, format, folder, sign } = settings;
  const workerData: ArchiveJob = {
    ...job,
    store: typeof store === 'string' ? store : store.reveal(),
    s3: { ...s3, accessKeyId: s3.accessKeyId.reveal(), secretAccessKey: s3.secretAccessKey.reveal() },
    format,
    folder,
    sign: sign?.reveal() ?? null,
  };
  return new Promise(resolve => {
    const thread = new Worker(workerFile(), {
      workerData,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    // What is half done is gone over again next time.
    const stop = (): void => void thread.terminate();
    signal.addEventListener('abort', stop, { once: true });
    thread.on('message', (result: PeriodResult) => {
      resolve(result);
      stop();
    });
    thread.on('error', error => resolve({ ok: false, problem: String(error) }));
    thread.on('exit', () => {
      signal.removeEventListener('abort', stop);
      resolve({ ok: false, problem: 'its thread ended' });
    });
  });
}
