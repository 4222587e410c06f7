import type { AdminAnswer } from '../../pipeline/index.ts';
import { putEntry, removeEntry } from './deny-changes.ts';
import type { DenyParts } from './deny-parts.ts';
import { isOver, SPEND } from './terms.ts';

/** Switches single keys off and on in the deny set, on all instances. */
export class DenySwitch {
  readonly #parts: DenyParts;

  constructor(parts: DenyParts) {
    this.#parts = parts;
  }

  /** The deny file that holds an entry for the key, or null. */
  fileWith(jti: string): string | null {
    const { set } = this.#parts;
    const held = set.holders(set.named('key', jti)).find(({ book }) => book.source === 'file');
    return held?.book.place.origin ?? null;
  }

  /** Whether an entry for the key has this reason. */
  isDeniedFor(jti: string, reasons: readonly string[]): boolean {
    const { set } = this.#parts;
    return set.holders(set.named('key', jti)).some(({ terms }) => reasons.includes(terms.reason));
  }

  /** Denies a key until a time. Null when it is denied, by whatever entry; else the error to answer. */
  async deny(jti: string, reason: string, untilMs: number): Promise<AdminAnswer | null> {
    const { set, house } = this.#parts;
    const terms = { reason, untilMs, issuedBeforeMs: null };
    if (isOver(terms, house.clock.wallMs())) return null;
    const isDenied = set
      .holders(set.named('key', jti))
      .some(
        ({ terms: held }) =>
          held.reason !== SPEND &&
          held.issuedBeforeMs === null &&
          (held.untilMs === null || held.untilMs >= untilMs),
      );
    return isDenied ? null : errorOf(await putEntry(this.#parts, { kind: 'key', id: jti, terms }));
  }

  /** Takes every entry for the key away. Null when there is none any more; else the error to answer. */
  async allow(jti: string): Promise<AdminAnswer | null> {
    const answer = await removeEntry(this.#parts, 'key', jti);
    return answer.status === 404 ? null : errorOf(answer);
  }
}

function errorOf(answer: AdminAnswer): AdminAnswer | null {
  return answer.status < 400 ? null : answer;
}
