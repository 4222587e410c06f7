import type { AuditDraft, AuditHead, ChainVerdict } from '../../audit-chain.ts';
import type { KeyChange, KeyRecord } from '../../key-record.ts';
import type {
  Appended,
  CursorMark,
  FactPage,
  FactQuery,
  Health,
  SetAside,
  Spent,
  SpentQuery,
  Summary,
  SummaryQuery,
} from '../../ledger.ts';
import type { AuditPage, AuditQuery, KeyChanged, KeyPage, KeyQuery } from '../../register.ts';

/** What the thread that owns the database can be asked. Each call blocks that thread alone. */
export interface Calls {
  append(facts: readonly string[], marks: readonly CursorMark[]): Appended;
  cursors(sink: string): ReadonlyMap<string, number>;
  forget(sink: string, places: readonly string[]): null;
  summary(query: SummaryQuery): Summary;
  spent(query: SpentQuery): Spent;
  facts(query: FactQuery): FactPage;
  missing(ids: readonly string[]): readonly string[];
  aside(limit: number): readonly SetAside[];
  check(): Health;
  rebuild(): null;
  record(draft: AuditDraft): AuditHead;
  changeKey(jti: string, change: KeyChange, draft: AuditDraft): KeyChanged;
  key(jti: string): KeyRecord | null;
  keys(query: KeyQuery): KeyPage;
  switched(after: number, nowMs: number, limit: number): readonly KeyRecord[];
  audit(query: AuditQuery): AuditPage;
  auditHead(): AuditHead;
  verifyAudit(expected: AuditHead | null): ChainVerdict;
}

export type CallName = keyof Calls;

const LONG_READS: ReadonlySet<CallName> = new Set([
  'summary',
  'facts',
  'missing',
  'aside',
  'check',
  'audit',
  'verifyAudit',
] as const);

/** Whether a call only reads, may take seconds, and is bound to no order with the others. */
export function isLongRead(name: CallName): boolean {
  return LONG_READS.has(name);
}

export interface Question<K extends CallName = CallName> {
  readonly seq: number;
  readonly name: K;
  readonly args: Parameters<Calls[K]>;
}

export type Answer =
  | { readonly seq: number; readonly ok: true; readonly value: unknown }
  | { readonly seq: number; readonly ok: false; readonly problem: string };

export interface ThreadSettings {
  readonly file: string;
  readonly readOnly: boolean;
  readonly busyMs: number;
}
