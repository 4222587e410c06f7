import type { Clock } from '../../base/index.ts';
import type { AdminAnswer, Degradation, Warning } from '../../pipeline/index.ts';
import { type KeyRecord, keyStateOf, type Register } from '../../store/index.ts';
import type { DenySwitch } from '../deny/deny-switch.ts';

/** Reasons of the deny entries that records ask for. */
export const DISABLED = 'disabled in its record';
export const REPLACED = 'replaced in its record';
const OWN_REASONS = [DISABLED, REPLACED];

const TICK_MS = 1000;
/** What other instances changed is looked for every so many ticks, and every record that was ever switched every so many looks. */
const LOOK_TICKS = 2;
const FULL_LOOKS = 30;
const PAGE_KEYS = 500;
/** For how long a start waits for the first look. */
const FIRST_LOOK_MS = 2000;
/** A key is accepted for some seconds past its end, since clocks differ. */
const LEEWAY_MS = 60_000;

export interface KeyEnforcerOptions {
  readonly register: Register;
  readonly deny: DenySwitch;
  readonly clock: Clock;
  readonly warn: (warning: Warning) => void;
}

/**
 * Brings the deny set to what the records say: what is switched off or was
 * replaced is denied, what was switched on again is not. Whoever changes a
 * record asks for it at once; besides, it looks by itself, so that a crash
 * between record and deny set, or a change by another gateway on the same
 * store, is made good within seconds.
 */
export class KeyEnforcer {
  readonly #options: KeyEnforcerOptions;
  /** Keys that end at a known time, by `jti`. */
  readonly #ending = new Map<string, KeyRecord>();
  readonly #timer: NodeJS.Timeout;
  /** The latest revision that was enforced of each key: what a look read before a change must not undo it. */
  readonly #enforced = new Map<string, number>();
  #last: Promise<unknown> = Promise.resolve();
  /** Revisions up to this one were looked at. */
  #revision = 0;
  #ticks = 0;
  #looks = 0;
  #problem: string | null = null;
  #pass: Promise<void> | null = null;
  #closed = false;

  constructor(options: KeyEnforcerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
    this.#tick();
  }

  degraded(): readonly Degradation[] {
    if (this.#problem === null) return [];
    const message = `the deny set may lack what key records say: ${this.#problem}`;
    return [{ code: 'key_records_behind', message, refuses: false }];
  }

  /**
   * Resolves when the deny set is what the records say, or may not be for a
   * while: before that nobody should be served, since no snapshot may have kept
   * what a crash left to be done.
   */
  async begun(): Promise<void> {
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, FIRST_LOOK_MS);
    await Promise.race([this.#pass, limit.promise]);
    clearTimeout(timer);
  }

  /** Denies or allows as a record says at this moment. Null when it is so; else the error to answer. */
  enforce(record: KeyRecord): Promise<AdminAnswer | null> {
    return this.#inTurn(() => this.#enforce(record, false));
  }

  /** The same, and where the record allows the key nothing denies it any more, whoever did. */
  free(record: KeyRecord): Promise<AdminAnswer | null> {
    return this.#inTurn(() => this.#enforce(record, true));
  }

  /** One after the other: the last word on a key must be that of its last revision. */
  #inTurn(work: () => Promise<AdminAnswer | null>): Promise<AdminAnswer | null> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #enforce(record: KeyRecord, isFreed: boolean): Promise<AdminAnswer | null> {
    const { deny, clock } = this.#options;
    const { jti, revision } = record;
    if (revision < (this.#enforced.get(jti) ?? 0)) return null;
    const state = keyStateOf(record, clock.wallMs());
    if (state === 'ending') this.#ending.set(jti, record);
    else this.#ending.delete(jti);
    if (state === 'expired') {
      this.#enforced.delete(jti);
      return null;
    }
    this.#enforced.set(jti, revision);
    const untilMs = record.expiresMs + LEEWAY_MS;
    if (state === 'disabled') return deny.deny(jti, DISABLED, untilMs);
    if (state === 'ended') return deny.deny(jti, REPLACED, untilMs);
    if (isFreed) return deny.allow(jti);
    // What somebody denied for another reason is not for a record to allow.
    return deny.isDeniedFor(jti, OWN_REASONS) && deny.fileWith(jti) === null ? deny.allow(jti) : null;
  }

  #tick(): void {
    if (this.#pass !== null || this.#closed) return;
    const isLook = this.#ticks++ % LOOK_TICKS === 0;
    this.#pass = this.#run(isLook)
      .catch((error: Error) => this.#settle(error.message))
      .finally(() => {
        this.#pass = null;
      });
  }

  async #run(isLook: boolean): Promise<void> {
    const problem = (await this.#endDue()) ?? (isLook ? await this.#look() : this.#problem);
    // What failed may be anywhere: the next look begins anew.
    if (problem !== null) this.#revision = 0;
    this.#settle(problem);
  }

  async #endDue(): Promise<string | null> {
    const nowMs = this.#options.clock.wallMs();
    for (const record of [...this.#ending.values()]) {
      if (record.endsMs! > nowMs) continue;
      const problem = problemOf(await this.enforce(record));
      if (problem !== null) {
        this.#ending.set(record.jti, record);
        return problem;
      }
    }
    return null;
  }

  async #look(): Promise<string | null> {
    if (this.#looks++ % FULL_LOOKS === 0) this.#revision = 0;
    const { register, clock } = this.#options;
    for (;;) {
      const page = await register.switched(this.#revision, clock.wallMs(), PAGE_KEYS);
      if (!page.ok) return page.problem;
      for (const record of page.value) {
        if (this.#closed) return null;
        const problem = problemOf(await this.enforce(record));
        if (problem !== null) return problem;
      }
      // Records of one rotation have one revision, and only the older of them is ever in a page.
      this.#revision = page.value.at(-1)?.revision ?? this.#revision;
      if (page.value.length < PAGE_KEYS) return null;
    }
  }

  #settle(problem: string | null): void {
    const message = `The deny set may lack what key records say: ${problem}. It is tried again.`;
    if (problem !== null && this.#problem === null && !this.#closed)
      this.#options.warn({ code: 'key_records_behind', message });
    this.#problem = problem;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#pass;
  }
}

function problemOf(answer: AdminAnswer | null): string | null {
  if (answer === null) return null;
  const { error } = answer.body as { readonly error?: { readonly message?: string } };
  return error?.message ?? `status ${answer.status}`;
}
