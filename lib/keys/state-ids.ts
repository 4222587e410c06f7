import { LRUCache } from 'lru-cache';
import type { Exchange, Stage, StageResult } from '../pipeline/index.ts';
import { findReference } from './state-references.ts';

/** Of each kind. The oldest unused one is forgotten first. */
const IDS_MAX = 100_000;
/** What an id looks like: characters of a path segment or a resource name, and not one plain word. */
const ID = /^(?=.*[0-9/_-])[\w.~:=+%/-]{4,512}$/;

/**
 * Which pool key made what is stored at a provider: another key may be another
 * account's, to whom a response, a file or a batch of this one does not exist.
 * Kept in memory: after a restart, and past 100,000 ids of conversations or of
 * other things, the pool chooses freely.
 */
export class StateIds {
  /** Of what chat calls leave behind; so many that they would push the others out. */
  readonly #talks = new LRUCache<string, string>({ max: IDS_MAX });
  /** Of files, batches and the rest, which only keys with such a grant make. */
  readonly #things = new LRUCache<string, string>({ max: IDS_MAX });

  get size(): number {
    return this.#talks.size + this.#things.size;
  }

  /** An answer to this exchange says that something is stored under `id`. */
  learn(exchange: Exchange, id: string): void {
    const { provider, endpoint, poolKey, body } = exchange;
    if (poolKey === null || !ID.test(id)) return;
    // A server that takes an id from the client would let it steer what others call by that word.
    if (body !== null && !id.includes('/') && body.includes(id)) return;
    const ids = endpoint!.operation === 'chat' ? this.#talks : this.#things;
    ids.set(nameOf(provider!.name, id), poolKey.id);
  }

  /**
   * The id of the pool key that made what this request is about: named by its
   * path, its query or, where it is in hand, its body. Null where it names
   * nothing that is remembered.
   */
  keyFor(exchange: Exchange): string | null {
    if (!this.#concerns(exchange)) return null;
    return this.#fromTarget(exchange) ?? this.#fromBody(exchange);
  }

  /** Whether `keyFor` would look into the body of such a request, which should then be in hand. */
  readsBody(exchange: Exchange): boolean {
    const state = exchange.endpoint!.state;
    if (state === null || state.references.size === 0 || !this.#concerns(exchange)) return false;
    // Where nothing is stored by talking, only things can be named.
    const isTalk = state.firstId < state.pointers.pointers.length;
    return this.#things.size > 0 || isTalk;
  }

  #concerns({ principal, provider }: Exchange): boolean {
    return this.size > 0 && principal!.managed && provider!.keys.length > 1;
  }

  #fromTarget({ provider, target }: Exchange): string | null {
    const { segments, query } = target!;
    for (let i = 0; i < segments.length; i++) {
      // A verb may follow: `files/abc:download`.
      const id = segments[i]!.replace(/:\w+$/, '');
      const found =
        this.#find(provider!.name, id) ?? this.#find(provider!.name, `${segments[i - 1] ?? ''}/${id}`);
      if (found !== null) return found;
    }
    if (query === '') return null;
    for (const value of new URLSearchParams(query).values()) {
      const found = this.#find(provider!.name, value);
      if (found !== null) return found;
    }
    return null;
  }

  #fromBody(exchange: Exchange): string | null {
    const { provider, endpoint, body } = exchange;
    if (body === null || !this.readsBody(exchange)) return null;
    return findReference(body, endpoint!.state!.references, id => this.#find(provider!.name, id));
  }

  #find(provider: string, id: string): string | null {
    if (!ID.test(id)) return null;
    const name = nameOf(provider, id);
    return this.#things.get(name) ?? this.#talks.get(name) ?? null;
  }
}

/** Of a resource name or an address only the end counts: `files/abc`. */
function nameOf(provider: string, id: string): string {
  return `${provider} ${id.split('/').slice(-2).join('/')}`;
}

/** Has the body collected where it may say which pool key is the only one. Comes after the stage of grants. */
export class StateStage implements Stage {
  readonly name = 'state';
  readonly phase = 'authorize';
  readonly #ids: StateIds;

  constructor(ids: StateIds) {
    this.#ids = ids;
  }

  run(exchange: Exchange): StageResult {
    if (this.#ids.readsBody(exchange)) exchange.needsWholeBody = true;
    return undefined;
  }
}
