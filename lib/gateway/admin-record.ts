import { type AuditEntry, adminKeyId } from '../admin/index.ts';
import type { Register } from '../store/index.ts';
import { type AdminCall, adminFact, recordedOf, recordedPath } from '../usage/index.ts';
import type { OpsView } from './ops.ts';
import type { Settings } from './settings.ts';
import { settingsDigest } from './settings-digest.ts';

/** How long an admin call waits until its fact is on record, before it is refused. */
const RECORD_MS = 5000;

/** What is asked of the gateway around it. */
type Recorder = Pick<OpsView, 'clock' | 'ids' | 'installed' | 'record' | 'settings'>;

/**
 * Puts admin calls on record before they take effect: as a fact, and where there
 * is a store as an entry of the audit chain. What cannot be recorded must not
 * take effect.
 */
export class AdminRecord {
  readonly #view: Recorder;
  /** `seq` of what was intended, for what comes of it. */
  readonly #intended = new WeakMap<AuditEntry, number>();

  constructor(view: Recorder) {
    this.#view = view;
  }

  /** @param isOwn the call appends to the chain itself, together with what it changes. */
  async audit(entry: AuditEntry, isOwn: boolean): Promise<'recorded' | 'unavailable'> {
    if (!(await this.#recordFact(entry))) return 'unavailable';
    const register = registerOf(this.#view);
    if (register === null || isOwn) return 'recorded';
    const appended = await register.record(draftOf(this.#view, entry, 'intended', recordedOf(entry)));
    if (!appended.ok) return 'unavailable';
    this.#intended.set(entry, appended.value.seq);
    return 'recorded';
  }

  /** What was intended was answered with an error. Where even that cannot be recorded the intention stands alone. */
  async failed(entry: AuditEntry, status: number): Promise<void> {
    const of = this.#intended.get(entry);
    if (of !== undefined)
      await registerOf(this.#view)?.record(draftOf(this.#view, entry, 'failed', { of, status }));
  }

  async #recordFact(entry: AuditEntry): Promise<boolean> {
    const view = this.#view;
    const losesFacts = (): boolean => view.installed().some(installed => installed.losesFacts?.() === true);
    if (losesFacts()) return false;
    const fact = adminFact(view.ids.next(), entry, view.clock.wallMs());
    const isRecorded = await new Promise<boolean>(resolve => {
      const timer = setTimeout(() => resolve(false), RECORD_MS);
      const done = (kept: boolean): void => {
        clearTimeout(timer);
        resolve(kept);
      };
      // Nobody took it: right where no sink records, and a failure where one does.
      if (!view.record(fact, done)) done(!view.installed().some(({ holdsEnd }) => holdsEnd === true));
    });
    return isRecorded && !losesFacts();
  }
}

function registerOf(view: Recorder): Register | null {
  for (const { ledger } of view.installed()) if (ledger !== undefined) return ledger.register;
  return null;
}

function draftOf(
  { clock }: Recorder,
  call: AdminCall,
  outcome: 'intended' | 'failed' | 'done',
  details: Readonly<Record<string, string | number>>,
) {
  const { admin, role, method, requestId } = call;
  const time = new Date(clock.wallMs()).toISOString();
  return { time, admin, role, action: `${method} ${recordedPath(call)}`, requestId, outcome, details };
}

/** Who may administer is itself on record when a reload changes it. Whoever can write the config asks nobody: nothing waits for it. */
export function recordAdmins(view: Recorder, before: Settings): void {
  const after = view.settings();
  if (settingsDigest(before.ops?.adminKeys) === settingsDigest(after.ops?.adminKeys)) return;
  const id = view.ids.next();
  const params = Object.fromEntries(
    (after.ops?.adminKeys ?? []).map((key, i) => [adminKeyId(key, i), key.role]),
  );
  const path = '/ops/adminKeys';
  const call = { admin: 'config', role: 'admin', method: 'RELOAD', path, requestId: id, params, body: null };
  view.record(adminFact(id, call, view.clock.wallMs()), () => {});
  void registerOf(view)?.record(draftOf(view, call, 'done', params));
}
