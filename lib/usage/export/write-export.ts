import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FactFilter, Ledger } from '../../store/index.ts';
import { syncFolder } from '../sync-folder.ts';
import { factValues } from './fact-columns.ts';
import { createFactFile, type ExportedFact, type ExportFormat } from './fact-file.ts';
import { FactParts, finalName } from './fact-parts.ts';
import { FileSink, type WrittenFile } from './file-sink.ts';
import {
  MANIFEST_FILE,
  type Manifest,
  manifestBytes,
  manifestOf,
  readManifest,
  SIGNATURE_FILE,
} from './manifest.ts';
import type { SigningKey } from './signing-key.ts';
import { Breakdown, type FileTotals, Totals } from './totals.ts';

const FACTS_PER_PAGE = 2000;

export interface ExportOrder {
  readonly ledger: Ledger;
  readonly filter: FactFilter;
  readonly format: ExportFormat;
  readonly nowMs: number;
  /** How long after the end of a period facts of it may still come, in milliseconds. */
  readonly graceMs: number;
  /** What the period is called, such as `2026-11`. */
  readonly periodName: string | null;
  readonly signingKey: SigningKey | null;
  /** Puts the beginning of its hash into the name of each file, so that another content has another name. */
  readonly namesHash?: boolean;
  /** Replaces an export that is there. Never anything else. */
  readonly force?: boolean;
  /** At most this many facts a file. Default a million. */
  readonly fileFactsMax?: number;
  readonly signal?: AbortSignal;
  /** Told after every page. */
  readonly onProgress?: (facts: number) => void;
}

export type Exported =
  | { readonly ok: true; readonly manifest: Manifest }
  | { readonly ok: false; readonly problem: string };

/** What stops an export and is no bug: its message is for people. */
class Stopped extends Error {}

/**
 * Writes the facts of a filter as a folder: files of facts, `summary.csv` and
 * the manifest. The folder appears under its name when it is whole and on the
 * disk, or not at all.
 */
export async function writeExport(folder: string, order: ExportOrder): Promise<Exported> {
  const draft = draftName(folder);
  try {
    await checkPlace(folder, order.force === true);
    await mkdir(dirname(folder), { recursive: true });
    await mkdir(draft, { mode: 0o750 });
    const manifest = await fill(draft, order);
    await publish(draft, folder, order.force === true);
    return { ok: true, manifest };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    return { ok: false, problem: problemOf(error) };
  }
}

/** Writes the facts of a filter to one file, whole or not at all. The number of facts, or what stopped it. */
export async function writeFactFile(
  file: string,
  order: ExportOrder,
): Promise<
  { readonly ok: true; readonly totals: FileTotals } | { readonly ok: false; readonly problem: string }
> {
  const draft = draftName(file);
  try {
    if (order.force !== true && (await exists(file)))
      throw new Stopped(`${file} is there already: --force replaces it`);
    await mkdir(dirname(file), { recursive: true });
    const totals = new Totals();
    const part = await createFactFile(order.format, draft);
    try {
      for await (const facts of pages(order)) {
        for (const { values } of facts) totals.add(values);
        await part.add(facts);
      }
      await part.finish();
    } finally {
      await part.abandon();
    }
    await rename(draft, file);
    await syncFolder(dirname(file));
    return { ok: true, totals: totals.value };
  } catch (error) {
    await rm(draft, { force: true });
    return { ok: false, problem: problemOf(error) };
  }
}

/** Beside what it becomes, so that a rename is all it takes; hidden, and of a name that nobody takes for an export. */
function draftName(place: string): string {
  return join(dirname(place), `.${basename(place)}.unfinished-${randomBytes(6).toString('hex')}`);
}

function problemOf(error: unknown): string {
  if (error instanceof Stopped || (error as NodeJS.ErrnoException).code !== undefined)
    return (error as Error).message;
  throw error;
}

async function exists(place: string): Promise<boolean> {
  return open(place).then(
    handle => handle.close().then(() => true),
    () => false,
  );
}

/** Nothing but an export is ever replaced: a folder of something else may have any name. */
async function checkPlace(folder: string, force: boolean): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null || found.length === 0) return;
  const manifest = await readFile(join(folder, MANIFEST_FILE), 'utf8').then(readManifest, () => null);
  if (manifest === null)
    throw new Stopped(`${folder} holds something that is no export: name another folder`);
  if (!force) throw new Stopped(`${folder} holds an export already: --force replaces it`);
  const ours = new Set([MANIFEST_FILE, SIGNATURE_FILE, ...manifest.files.map(({ name }) => name)]);
  const alien = found.find(name => !ours.has(name));
  if (alien !== undefined)
    throw new Stopped(`${folder} holds ${alien}, which is no part of the export there`);
}

async function publish(draft: string, folder: string, force: boolean): Promise<void> {
  await syncFolder(draft);
  if (force && (await exists(folder))) {
    const old = draftName(folder);
    await rename(folder, old);
    await rename(draft, folder);
    await rm(old, { recursive: true });
  } else {
    // An empty folder may be there. One that was filled meanwhile stays.
    await rmdir(folder).catch(() => {});
    await rename(draft, folder);
  }
  await syncFolder(dirname(folder));
}

async function fill(folder: string, order: ExportOrder): Promise<Manifest> {
  const { filter, format, signingKey, nowMs, graceMs, periodName } = order;
  const parts = new FactParts(folder, order);
  const totals = new Totals();
  const breakdown = new Breakdown();
  try {
    for await (const facts of pages(order)) {
      for (const { values } of facts) {
        totals.add(values);
        breakdown.add(values);
      }
      await parts.add(facts);
    }
    await parts.endFile();
  } finally {
    await parts.abandon();
  }
  const summary = await writeWhole(folder, 'summary.csv', Buffer.from(breakdown.csv()));
  const summaryName = await finalName(folder, 'summary', 'csv', summary, order.namesHash === true);
  const manifest = manifestOf({
    nowMs,
    graceMs,
    name: periodName,
    filter,
    content: format,
    signedBy: signingKey?.publicKey ?? null,
    totals: totals.value,
    files: [...parts.files, { content: 'summary', name: summaryName, ...summary }],
  });
  const bytes = manifestBytes(manifest);
  if (signingKey !== null) await writeWhole(folder, SIGNATURE_FILE, signingKey.sign(bytes));
  await writeWhole(folder, MANIFEST_FILE, bytes);
  return manifest;
}

async function writeWhole(folder: string, name: string, bytes: Buffer): Promise<WrittenFile> {
  const sink = await FileSink.create(join(folder, name));
  try {
    await sink.write(bytes);
    return await sink.finish();
  } finally {
    await sink.abandon();
  }
}

async function* pages({
  ledger,
  filter,
  signal,
  onProgress,
}: ExportOrder): AsyncGenerator<readonly ExportedFact[]> {
  let after: string | null = null;
  let count = 0;
  do {
    const page = await ledger.facts({
      ...filter,
      limit: FACTS_PER_PAGE,
      ...(after === null ? {} : { after }),
    });
    if (!page.ok) throw new Stopped(page.problem);
    if (signal?.aborted === true) throw new Stopped('interrupted: nothing was written');
    yield page.value.facts.map(text => ({ text, values: factValues(text) }));
    count += page.value.facts.length;
    onProgress?.(count);
    after = page.value.next;
  } while (after !== null);
}
