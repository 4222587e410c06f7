/** How long a refused key rests; each further refusal doubles it (CONTRACT §2). */
const QUARANTINE_MS = 5 * 60_000;
const QUARANTINE_MAX_MS = 60 * 60_000;

export type KeyCondition = 'usable' | 'cooling' | 'quarantined' | 'trial' | 'disabled';

/** How one provider key fares. Times are monotonic milliseconds. */
export class KeyHealth {
  requests = 0;
  lastUsedWallMs: number | null = null;
  /** Status of the answer that last spoke against the key. */
  lastRefusal: number | null = null;
  /** Switched off by an operator, until a release or a restart. */
  #disabled = false;
  #coolUntilMs = 0;
  /** 0 while the key is not in quarantine. */
  #quarantineMs = 0;
  #quarantineUntilMs = 0;
  #onTrial = false;

  condition(nowMs: number): KeyCondition {
    if (this.#disabled) return 'disabled';
    if (this.#quarantineMs > 0) {
      return nowMs < this.#quarantineUntilMs || this.#onTrial ? 'quarantined' : 'trial';
    }
    return nowMs < this.#coolUntilMs ? 'cooling' : 'usable';
  }

  /** When the key may be tried again, or null where time alone does not help. */
  untilMs(nowMs: number): number | null {
    const condition = this.condition(nowMs);
    if (condition === 'cooling') return this.#coolUntilMs;
    return condition === 'quarantined' ? this.#quarantineUntilMs : null;
  }

  /** The rest is over: one request goes out to see. False where none is due. */
  beginTrial(nowMs: number): boolean {
    if (this.condition(nowMs) !== 'trial') return false;
    this.#onTrial = true;
    return true;
  }

  /** The trial's exchange is over, whether or not an answer came. */
  endTrial(): void {
    this.#onTrial = false;
  }

  /** Refused by the provider. Requests that were under way together count as one refusal. */
  refuse(status: number, nowMs: number, isTrial: boolean): void {
    this.lastRefusal = status;
    if (this.#quarantineMs > 0 && !isTrial) return;
    this.#quarantineMs = Math.min(this.#quarantineMs * 2 || QUARANTINE_MS, QUARANTINE_MAX_MS);
    this.#quarantineUntilMs = nowMs + this.#quarantineMs;
  }

  /** The provider limits its rate. */
  cool(status: number, untilMs: number): void {
    this.lastRefusal = status;
    this.#coolUntilMs = Math.max(this.#coolUntilMs, untilMs);
  }

  /** A trial went well, or an operator says so. */
  clear(): void {
    this.#quarantineMs = 0;
    this.#quarantineUntilMs = 0;
  }

  disable(): void {
    this.#disabled = true;
  }

  /** An operator's word: everything held against the key is forgotten. */
  release(): void {
    this.clear();
    this.#onTrial = false;
    this.#disabled = false;
    this.#coolUntilMs = 0;
  }
}
