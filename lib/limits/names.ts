import type { Exchange, Principal } from '../pipeline/index.ts';
import { addressBucket } from '../wire/index.ts';
import { CountedName } from './counted-name.ts';

/** The one name under which everything is counted together. */
export const EVERYBODY = new CountedName('global', '');

/**
 * By what names an exchange is counted. They are made once: for a key of ours
 * with its principal, for all else with the connection.
 */
export class Names {
  readonly #keys = new WeakMap<object, CountedName>();
  readonly #subjects = new WeakMap<Principal, CountedName>();
  readonly #addresses = new WeakMap<object, { readonly address: string; readonly name: CountedName }>();

  /** A key of ours by how it is known and who signed it; a client's own by its fingerprint. Null without a key. */
  key(exchange: Exchange): CountedName | null {
    const principal = exchange.principal!;
    if (principal.keyId === null) return null;
    const isOurs = principal.grant !== null;
    const owner = isOurs ? principal : exchange.req.socket;
    const known = this.#keys.get(owner);
    if (known !== undefined && isOurs) return known;
    const text = `${principal.auth}\0${principal.issuer ?? ''}\0${principal.keyId}`;
    if (known?.text === text) return known;
    const name = new CountedName('key', text);
    this.#keys.set(owner, name);
    return name;
  }

  subject(exchange: Exchange): CountedName | null {
    const principal = exchange.principal!;
    if (principal.subject === null) return null;
    let name = this.#subjects.get(principal);
    if (name === undefined) {
      name = new CountedName('subject', principal.subject);
      this.#subjects.set(principal, name);
    }
    return name;
  }

  /** An IPv4 address, or the /64 of an IPv6 one. Null where the address is not known. */
  address({ address, req }: Exchange): CountedName | null {
    if (address === '') return null;
    const known = this.#addresses.get(req.socket);
    // Behind a trusted proxy the requests of one connection come from many.
    if (known?.address === address) return known.name;
    const name = new CountedName('address', addressBucket(address));
    this.#addresses.set(req.socket, { address, name });
    return name;
  }
}
