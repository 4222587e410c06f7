import { parentPort, workerData } from 'node:worker_threads';
import { Secret, systemClock } from '../../base/index.ts';
import { openLedger } from '../../store/index.ts';
import { readSigningKey } from '../export/signing-key.ts';
import type { PeriodResult } from '../periods/period-loop.ts';
import type { ArchiveJob } from './archive-job.ts';
import { shipPeriod } from './ship-period.ts';

/** The thread that ships one period: it reads, encodes, hashes and sends, and ends. */
async function run(job: ArchiveJob): Promise<PeriodResult> {
  const { store, period, s3, sign, format, folder, nowMs, graceMs } = job;
  const signingKey = sign === null ? null : readSigningKey(new Secret(sign));
  if (typeof signingKey === 'string') return { ok: false, problem: `the signing key ${signingKey}` };
  const ledger = openLedger(new Secret(store), { readOnly: true });
  try {
    return await shipPeriod({
      ledger,
      period,
      settings: {
        s3: {
          ...s3,
          accessKeyId: new Secret(s3.accessKeyId),
          secretAccessKey: new Secret(s3.secretAccessKey),
        },
        format,
        folder,
      },
      signingKey,
      clock: systemClock,
      nowMs,
      graceMs,
    });
  } finally {
    await ledger.close();
  }
}

const port = parentPort!;
run(workerData as ArchiveJob).then(
  result => port.postMessage(result),
  (error: Error) => port.postMessage({ ok: false, problem: error.message }),
);
