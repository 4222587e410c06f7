import { packageVersion } from '../../base/index.ts';
import type { FactFilter } from '../../store/index.ts';
import { exactJson } from './exact-json.ts';
import type { ExportFormat } from './fact-file.ts';
import type { FileTotals } from './totals.ts';

export const MANIFEST_FILE = 'manifest.json';
export const SIGNATURE_FILE = 'manifest.json.sig';

/** Stands in every manifest; another number would mean another reading. */
const FORMAT = 'weir-usage-export/1';

/** Which part of the time an export is of. */
export interface ExportSpan {
  /** Such as `2026-11`; null for a span that has no name. */
  readonly name: string | null;
  /** Null: from the first fact on. */
  readonly since: string | null;
  /** The first moment no longer meant; null: no end. */
  readonly until: string | null;
  /** It was over when this was made, and what was under way at its end had time to become a fact. */
  readonly closed: boolean;
}

export interface ListedFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What an export is of, and what its files must be. */
export interface Manifest {
  readonly format: typeof FORMAT;
  readonly product: string;
  readonly madeAt: string;
  readonly period: ExportSpan;
  /** Null members restrict nothing. */
  readonly filter: Readonly<Record<(typeof FILTERS)[number], string | null>>;
  readonly content: ExportFormat;
  /** `k4.public.…` of who signed; null: nobody. Only a key that came another way proves anything. */
  readonly signedBy: string | null;
  readonly totals: FileTotals;
  /** Of facts, in their order, then `summary`. */
  readonly files: readonly (ListedFile & {
    readonly content: 'facts' | 'summary';
    readonly totals?: FileTotals;
  })[];
}

const FILTERS = ['kind', 'subject', 'key', 'provider', 'operation', 'model', 'modelRequested'] as const;

export interface ManifestParts {
  readonly nowMs: number;
  readonly graceMs: number;
  readonly name: string | null;
  readonly filter: FactFilter;
  readonly content: ExportFormat;
  readonly signedBy: string | null;
  readonly totals: FileTotals;
  readonly files: Manifest['files'];
}

export function manifestOf({ nowMs, graceMs, name, filter, ...rest }: ManifestParts): Manifest {
  const { sinceMs, untilMs } = filter;
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  const words = FILTERS.map(word => [word, filter[word] ?? (word === 'kind' ? 'request' : null)]);
  return {
    format: FORMAT,
    product: `weir ${packageVersion()}`,
    madeAt: new Date(nowMs).toISOString(),
    period: {
      name,
      since: iso(sinceMs),
      until: iso(untilMs),
      closed: untilMs !== undefined && untilMs + graceMs <= nowMs,
    },
    filter: Object.fromEntries(words) as Manifest['filter'],
    content: rest.content,
    signedBy: rest.signedBy,
    totals: rest.totals,
    files: rest.files,
  };
}

/** The bytes that are signed. */
export function manifestBytes(manifest: Manifest): Buffer {
  return Buffer.from(`${exactJson(manifest, 2)}\n`);
}

/** What a reader needs of a manifest. Sums are as a double holds them. */
export interface ReadManifest {
  readonly signedBy: string | null;
  readonly content: string;
  readonly period: ExportSpan;
  readonly filter: unknown;
  readonly facts: number;
  readonly requests: number;
  readonly files: readonly ListedFile[];
}

/** A name of a file in the same folder, and nothing else: what is read must not lead elsewhere. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** Null where the text is no manifest of ours. */
export function readManifest(text: string): ReadManifest | null {
  try {
    const value = JSON.parse(text) as Manifest;
    if (value.format !== FORMAT || !Array.isArray(value.files) || !value.files.every(isListed)) return null;
    const { signedBy, content, period, filter, files, totals } = value;
    if (typeof period !== 'object' || typeof totals !== 'object') return null;
    if (signedBy !== null && typeof signedBy !== 'string') return null;
    return { signedBy, content, period, filter, files, facts: totals.facts, requests: totals.requests };
  } catch {
    return null;
  }
}

function isListed(file: unknown): boolean {
  const { name, bytes, sha256 } = file as ListedFile;
  return PLAIN_NAME.test(name) && Number.isSafeInteger(bytes) && /^[0-9a-f]{64}$/.test(sha256);
}
