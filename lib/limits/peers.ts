/** Members of a fleet that are kept apart. More are not listened to. */
export const PEERS_MAX = 1024;

interface Peer {
  serial: number;
  /** In slots before this one something of its may have been missed, so nothing may be taken back there. */
  soundFrom: number;
  heardSlot: number;
}

export type PeerVerdict = 'sound' | 'unsound' | 'duplicate' | 'peers';

/**
 * The other instances, by what of theirs was heard. Messages are numbered, so
 * that none counts twice, and what was missed is known: a correction downwards
 * of something that never arrived would take away from others.
 */
export class Peers {
  readonly #peers = new Map<string, Peer>();

  /** @param slot the slot that a message is about, @param current the slot under way. */
  judge(id: string, serial: number, slot: number, current: number): PeerVerdict {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      if (this.#peers.size >= PEERS_MAX) return 'peers';
      peer = { serial: -1, soundFrom: 0, heardSlot: current };
      this.#peers.set(id, peer);
    }
    if (serial <= peer.serial) return 'duplicate';
    if (serial !== peer.serial + 1) peer.soundFrom = current + 1;
    peer.serial = serial;
    peer.heardSlot = current;
    return slot >= peer.soundFrom ? 'sound' : 'unsound';
  }

  /** Forgets those of whom nothing was heard since a slot. */
  forget(beforeSlot: number): void {
    for (const [id, { heardSlot }] of this.#peers) if (heardSlot < beforeSlot) this.#peers.delete(id);
  }

  /** Slots have new names: what was said of them by their old ones may not be corrected. */
  clear(): void {
    this.#peers.clear();
  }

  ids(): Iterable<string> {
    return this.#peers.keys();
  }

  get size(): number {
    return this.#peers.size;
  }
}
