import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/index.ts';
import type { FactFilter, Ledger } from '../../store/index.ts';
import { MANIFEST_FILE, type ReadManifest, readManifest, SIGNATURE_FILE } from '../export/manifest.ts';
import { isSignedBy, type SigningKey } from '../export/signing-key.ts';
import { verifyExport } from '../export/verify-export.ts';
import { writeExport } from '../export/write-export.ts';
import type { Period } from '../periods/period.ts';
import type { PeriodResult } from '../periods/period-loop.ts';
import { problemOf, S3Bucket } from './s3-bucket.ts';
import type { ArchiveSettings } from './settings.ts';

export interface Shipment {
  readonly ledger: Ledger;
  readonly period: Period;
  readonly settings: Omit<ArchiveSettings, 'sign' | 'every'>;
  readonly signingKey: SigningKey | null;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Unix time in milliseconds, for the manifest. */
  readonly nowMs: number;
  readonly graceMs: number;
  /** When a connection is given up on which nothing moves, in milliseconds. */
  readonly idleMs?: number;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
};

const MISSING = { missing: true } as const;

/**
 * Brings one period to the bucket, as `<prefix><period>/…`. The manifest goes
 * last, so that where it is the period is whole. The other files have their
 * hash in their name: what is there already is not sent again, and two
 * instances that ship the same period never replace each other's.
 */
export async function shipPeriod(shipment: Shipment): Promise<PeriodResult> {
  const { settings, period, clock, idleMs } = shipment;
  const bucket = new S3Bucket(settings.s3, clock, idleMs);
  const there = await whatIsThere(bucket, shipment);
  if (!('missing' in there)) return there;
  const folder = join(settings.folder, period.name);
  const manifest = await exported(folder, shipment);
  if (typeof manifest === 'string') return { ok: false, problem: manifest };
  for (const { name, bytes, sha256 } of manifest.files) {
    const key = `${period.name}/${name}`;
    const found = await bucket.head(key);
    if (!found.ok) return found;
    if (found.answer.status === 200 && found.answer.bytes === bytes) continue;
    const body = { path: join(folder, name), bytes, sha256 };
    const put = await bucket.put(key, body, CONTENT_TYPES[name.split('.').at(-1)!]!);
    if (!put.ok) return put;
  }
  const result = await putManifest(bucket, folder, shipment);
  if (result.ok) await rm(folder, { recursive: true, force: true });
  return result;
}

async function putManifest(
  bucket: S3Bucket,
  folder: string,
  { period, signingKey }: Shipment,
): Promise<PeriodResult> {
  const files = [
    ...(signingKey === null ? [] : [{ file: SIGNATURE_FILE, type: 'application/octet-stream' }]),
    { file: MANIFEST_FILE, type: 'application/json' },
  ];
  for (const { file, type } of files) {
    const put = await bucket.put(`${period.name}/${file}`, await readFile(join(folder, file)), type);
    if (!put.ok) return put;
  }
  for (const { file } of files) {
    const key = `${period.name}/${file}`;
    const got = await bucket.get(key);
    if (!got.ok) return got;
    // Another instance, in the same moment: one of the two has to go over it again.
    if (!got.answer.body.equals(await readFile(join(folder, file))))
      return { ok: false, problem: `${key} is not what was put there a moment ago` };
  }
  return { ok: true };
}

/** Whether the bucket has the period already, as a shipment that was cut off before its mark leaves it. */
async function whatIsThere(bucket: S3Bucket, shipment: Shipment): Promise<PeriodResult | typeof MISSING> {
  const { period, signingKey, ledger } = shipment;
  const key = `${period.name}/${MANIFEST_FILE}`;
  const got = await bucket.get(key);
  if (!got.ok) return got;
  const { status, body } = got.answer;
  // Who may not list a bucket is told 403 of what is not there.
  if (status === 404 || status === 403) return MISSING;
  if (status !== 200) return { ok: false, problem: problemOf(key, got.answer) };
  const manifest = readManifest(body.toString('utf8'));
  const own = await requestsOf(ledger, filterOf(period));
  if (typeof own === 'string') return { ok: false, problem: own };
  if (manifest?.period.name !== period.name || manifest.requests !== own)
    return {
      ok: false,
      problem: `${key} is there and is not of this store: give each store a prefix`,
      isLasting: true,
    };
  if (signingKey === null) return { ok: true };
  const signature = await bucket.get(`${period.name}/${SIGNATURE_FILE}`);
  if (!signature.ok) return signature;
  const isOurs =
    signature.answer.status === 200 && isSignedBy(signingKey.publicKey, body, signature.answer.body);
  return isOurs ? { ok: true } : MISSING;
}

function filterOf({ sinceMs, untilMs }: Period): FactFilter {
  return { sinceMs, untilMs };
}

/** How many requests the store has of a period, or why it does not say. */
async function requestsOf(ledger: Ledger, filter: FactFilter): Promise<number | string> {
  const sums = await ledger.summary({ ...filter, by: [], limit: 1 });
  return sums.ok ? (sums.value.rows[0]?.requests ?? 0) : sums.problem;
}

/** The export of the period: what a shipment that failed has left, or a new one. Or the problem. */
async function exported(folder: string, shipment: Shipment): Promise<ReadManifest | string> {
  const { ledger, period, settings, signingKey, nowMs, graceMs } = shipment;
  const left = await whole(folder, shipment);
  if (left !== null) return left;
  await rm(folder, { recursive: true, force: true });
  const written = await writeExport(folder, {
    ledger,
    filter: filterOf(period),
    format: settings.format,
    nowMs,
    graceMs,
    periodName: period.name,
    signingKey,
    namesHash: true,
  });
  if (!written.ok) return written.problem;
  return (await whole(folder, shipment)) ?? `${folder} is not what was written there a moment ago`;
}

/** The manifest of a folder in which everything is as it must be, else null. */
async function whole(folder: string, { signingKey, settings }: Shipment): Promise<ReadManifest | null> {
  const publicKey = signingKey?.publicKey ?? null;
  const { manifest, faults } = await verifyExport(folder, publicKey);
  if (manifest === null || faults.length > 0) return null;
  return manifest.content === settings.format && manifest.signedBy === publicKey ? manifest : null;
}
