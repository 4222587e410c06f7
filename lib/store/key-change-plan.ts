import { type AuditDraft, type AuditHead, type AuditLink, type AuditValue, linkTo } from './audit-chain.ts';
import { auditedKey, judgeKeyChange, type KeyChange, type KeyRecord } from './key-record.ts';
import type { KeyChanged } from './register.ts';

/** What a store has, as far as a change is about it; read in the transaction that makes the change. */
export interface KeyChangeGround {
  readonly record: KeyRecord | null;
  /** What there is under the id of a successor. */
  readonly successor: KeyRecord | null;
  readonly head: AuditHead;
}

export interface KeyChangePlan {
  readonly answer: KeyChanged;
  /** Both of it, or nothing where it is null. */
  readonly write: { readonly link: AuditLink; readonly records: readonly KeyRecord[] } | null;
}

/** The id under which `KeyChangeGround.successor` is looked for; null where the change makes none. */
export function successorOf(change: KeyChange): string | null {
  return change.kind === 'rotate' ? change.successor.jti : null;
}

/** What is to be written for a change, and what is answered once it is: the same for every engine. */
export function planKeyChange(ground: KeyChangeGround, change: KeyChange, draft: AuditDraft): KeyChangePlan {
  const { record, successor, head } = ground;
  const verdict = judgeKeyChange(record, change);
  if ('refused' in verdict) return unwritten({ ok: false, refused: verdict.refused, record });
  const { records } = verdict;
  if (records.length === 0) return unwritten({ ok: true, isChanged: false, records: [record!] });
  if (successor !== null) return unwritten({ ok: false, refused: 'taken', record: successor });
  const keys: AuditValue = records.map(auditedKey);
  const link = linkTo(head, { ...draft, details: { ...draft.details, keys } });
  const changed = records.map(one => ({ ...one, revision: link.seq }));
  return { answer: { ok: true, isChanged: true, records: changed }, write: { link, records: changed } };
}

function unwritten(answer: KeyChanged): KeyChangePlan {
  return { answer, write: null };
}
