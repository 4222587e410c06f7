import {
  type Bus,
  BusError,
  type KvBucket,
  type KvCursor,
  type KvEntry,
  type KvSink,
} from '../../lib/bus/index.ts';

/** What all the buses of a test are connected to. Delivers at once, in order, to all but who sent it. */
export class ScriptedServer {
  readonly #values = new Map<string, KvEntry>();
  readonly #sinks = new Set<KvSink>();
  readonly #receivers = new Set<{
    readonly who: object;
    readonly subject: string;
    readonly receive: (payload: Uint8Array) => void;
  }>();
  #revision = 0;
  #isUp = true;
  /** What a message becomes on its way: itself, nothing, or several. */
  deliver: (payload: Uint8Array) => readonly Uint8Array[] = payload => [payload];
  /** What was published, latest last. */
  readonly log: Uint8Array[] = [];

  get isUp(): boolean {
    return this.#isUp;
  }

  goDown(): void {
    this.#isUp = false;
  }

  comeUp(): void {
    this.#isUp = true;
    for (const sink of this.#sinks) this.#replay(sink);
  }

  /** Somebody deletes the bucket and creates it anew. */
  recreateBucket(): void {
    this.#values.clear();
    for (const sink of this.#sinks) this.#replay(sink);
  }

  write(key: string, value: Uint8Array | null): void {
    const entry: KvEntry = { key, value, revision: ++this.#revision };
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, entry);
    for (const sink of this.#sinks) sink.apply(entry, this.#cursor());
  }

  value(key: string): Uint8Array | null {
    return this.#values.get(key)?.value ?? null;
  }

  /** A heartbeat of every following. */
  beat(): void {
    if (this.#isUp) for (const sink of this.#sinks) sink.current();
  }

  connect(): Bus {
    const me = {};
    const server = this;
    return {
      get connected() {
        return server.#isUp;
      },
      bucket: () => this.#bucket(),
      publish: (subject, payload) => {
        if (!this.#isUp) return;
        this.log.push(payload);
        for (const message of this.deliver(payload)) {
          for (const receiver of this.#receivers) {
            if (receiver.who !== me && receiver.subject === subject) receiver.receive(message);
          }
        }
      },
      subscribe: (subject, receive) => {
        const receiver = { who: me, subject, receive };
        this.#receivers.add(receiver);
        return { close: () => this.#receivers.delete(receiver) };
      },
      close: async () => {},
    };
  }

  #cursor(): KvCursor {
    return { created: 'now', revision: this.#revision };
  }

  #replay(sink: KvSink): void {
    if (!this.#isUp) return;
    sink.replace(new Map(this.#values), this.#cursor());
    sink.current();
  }

  #bucket(): KvBucket {
    return {
      follow: (_cursor, sink) => {
        this.#sinks.add(sink);
        // As the real one: not before the call has returned.
        queueMicrotask(() => this.#replay(sink));
        return {
          close: async () => {
            this.#sinks.delete(sink);
          },
        };
      },
      create: async (key, value) => {
        if (!this.#isUp) throw new BusError('down');
        if (this.#values.has(key)) return null;
        this.write(key, value);
        return this.#revision;
      },
      put: async (key, value) => {
        this.write(key, value);
        return this.#revision;
      },
      get: async key => this.#values.get(key) ?? null,
      delete: async key => this.write(key, null),
    };
  }
}
