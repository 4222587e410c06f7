import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { KV_VALUE_BYTES_MAX, OVERSIZED } from './bus.ts';

/** The server says that it lives as often as this while there is nothing to deliver. */
const HEARTBEAT_MS = 1000;
const NANOS_PER_MS = 1e6;
const STATUS_CONTROL = 100;

export interface DeliveryTarget {
  /** @param isLast the server has no further write at the moment. */
  write(key: string, message: Msg, revision: number, isLast: boolean): void;
  /** The server has no further write at the moment. */
  idle(): void;
  /** Something was lost on the way, or the server ended the delivery. Nothing comes after this. */
  lost(): void;
}

/** The value that a delivered write gave its key, null for a deletion of any kind. */
export function writtenValue(message: Msg): Uint8Array | null {
  const { headers } = message;
  if (headers === undefined) return bounded(message.data);
  const operation = headers.get('KV-Operation');
  const isMarker = operation === 'DEL' || operation === 'PURGE' || headers.has('Nats-Marker-Reason');
  return isMarker ? null : bounded(message.data);
}

/** A value as it may be kept. */
export function bounded(value: Uint8Array): Uint8Array {
  return value.length > KV_VALUE_BYTES_MAX ? OVERSIZED : value;
}

/**
 * The writes of a bucket in order, from one on, pushed by a consumer that lives
 * in the server's memory as long as somebody listens. The server numbers what
 * it sends, so that a gap shows at the next message or heartbeat.
 */
export class KvDelivery {
  readonly #connection: NatsConnection;
  readonly #inbox: string;
  readonly #keyStart: number;
  readonly #target: DeliveryTarget;
  #subscription: Subscription | null = null;
  #sent = 0;
  #heard = 0;
  /** Where the numbers stand in a reply subject: the same for all of one consumer. */
  #numbersStart = 0;
  #reply = '';
  #at = 0;
  #timeStart = 0;
  #timeEnd = 0;

  constructor(connection: NatsConnection, bucket: string, target: DeliveryTarget) {
    this.#connection = connection;
    this.#inbox = createInbox();
    this.#keyStart = `$KV.${bucket}.`.length;
    this.#target = target;
  }

  /** @param from the first revision wanted, from 1. Resolves once the server delivers; rejects where it will not. */
  async start(manager: JetStreamManager, stream: string, from: number): Promise<void> {
    this.#subscription = this.#connection.subscribe(this.#inbox, {
      callback: (error, message) => (error === null ? this.#take(message) : this.#end()),
    });
    const { num_pending: pending, delivered } = await manager.consumers.add(stream, {
      deliver_subject: this.#inbox,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      ack_policy: AckPolicy.None,
      max_deliver: 1,
      mem_storage: true,
      num_replicas: 1,
      flow_control: true,
      idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS,
    });
    // What it counts as delivered may still be on its way.
    if (pending === 0 && delivered.consumer_seq === this.#sent && this.#subscription !== null)
      this.#target.idle();
  }

  /** Grows with whatever is heard of it, at least every second. */
  get heard(): number {
    return this.#heard;
  }

  /** When the last write was made: the server's nanoseconds since 1970, in digits. */
  get time(): string {
    return this.#reply.slice(this.#timeStart, this.#timeEnd);
  }

  stop(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = null;
  }

  #end(): void {
    this.stop();
    this.#target.lost();
  }

  #take(message: Msg): void {
    if (this.#subscription === null) return;
    this.#heard++;
    if (message.subject === this.#inbox) {
      this.#control(message);
      return;
    }
    this.#parse(message.reply!);
    const revision = this.#number();
    const serial = this.#number();
    this.#timeStart = this.#at;
    this.#timeEnd = this.#reply.indexOf('.', this.#at);
    this.#at = this.#timeEnd + 1;
    const pending = this.#number();
    if (serial !== this.#sent + 1) {
      this.#end();
      return;
    }
    this.#sent = serial;
    this.#target.write(message.subject.slice(this.#keyStart), message, revision, pending === 0);
  }

  #control(message: Msg): void {
    const { headers } = message;
    if (headers?.code !== STATUS_CONTROL) {
      this.#end();
      return;
    }
    // A request to go on: all before it was taken by now.
    if (message.respond()) return;
    const stalled = headers.get('Nats-Consumer-Stalled');
    if (stalled !== '') this.#connection.publish(stalled);
    else if (Number(headers.get('Nats-Last-Consumer')) !== this.#sent) this.#end();
    else this.#target.idle();
  }

  /**
   * Stands before the write's revision. A reply subject is
   * `$JS.ACK.<stream>.<consumer>.<tries>.<revision>.<serial>.<time>.<pending>`,
   * or has domain and account before the stream and more at the end.
   */
  #parse(reply: string): void {
    if (this.#numbersStart === 0) {
      const tokens = reply.split('.');
      const triesAt = tokens.length >= 11 ? 6 : 4;
      this.#numbersStart = tokens.slice(0, triesAt).join('.').length + 1;
    }
    this.#reply = reply;
    this.#at = reply.indexOf('.', this.#numbersStart) + 1;
  }

  /** The number that stands here; goes on behind the dot after it. */
  #number(): number {
    const reply = this.#reply;
    let value = 0;
    for (; this.#at < reply.length; this.#at++) {
      const digit = reply.charCodeAt(this.#at) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    this.#at++;
    return value;
  }
}
