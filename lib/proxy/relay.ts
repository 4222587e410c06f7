import type { Dispatcher } from 'undici';
import type { ErrorCode } from '../errors/index.ts';
import type { Exchange, Tap } from '../pipeline/index.ts';
import type { BodyFilter } from './body-filter.ts';
import type { DrainEnd } from './drains.ts';
import { HeldAnswer } from './held-answer.ts';
import { KeyScrubber } from './key-scrubber.ts';
import {
  dropField,
  inboundHead,
  type ResponseHead,
  textHeaders,
  upstreamRequestId,
} from './response-head.ts';
import type { Run } from './run.ts';
import { formsOf } from './secret-forms.ts';
import { truncateResponse } from './truncate.ts';
import { uploadFault } from './upload.ts';
import { upstreamErrorCode } from './upstream-error.ts';
import { UsageEventFilter } from './usage-event-filter.ts';

/** Why the relay is not reading upstream; it reads while this is 0. */
const BLOCKED_BY_CLIENT = 1;
const BLOCKED_BY_TAP = 2;
const NO_BYTES = Buffer.alloc(0);

const STREAM_TYPES =
  /^(?:text\/event-stream|application\/(?:x-)?ndjson|application\/stream\+json|application\/vnd\.amazon\.eventstream|application\/jsonl)/i;

/**
 * The response side of one attempt: an undici handler that passes every byte on
 * as it comes and shows it to the tap afterwards. The only thing it may hold is
 * the end of message, while the fact is being recorded (CONTRACT §5).
 */
export class Relay implements Dispatcher.DispatchHandler {
  readonly #run: Run;
  readonly #exchange: Exchange;
  #controller: Dispatcher.DispatchController | null = null;
  #tap: Tap | null = null;
  #filter: BodyFilter | null = null;
  #held: HeldAnswer | null = null;
  /** Body bytes still to be sent, -1 where no length was stated or nothing is held. */
  #bytesLeft = -1;
  #upstreamCloseDelimited = false;
  #clientCloseDelimited = false;
  /** The last bytes of a body with a length: they are its end of message. */
  #tail: Buffer | null = null;
  #holdsEnd = false;
  #blocked = 0;
  /** Since when the client has not taken our bytes, or null. */
  blockedSinceMs: number | null = null;
  /** How many bytes more are read for nobody but the tap; null while there is a client. */
  #drainBytes: number | null = null;
  /** How that ends. Written by the run where its time is up. */
  drainEnd: DrainEnd = 'cancelled';
  #over = false;
  #begun = false;
  #wrote = false;
  /** What came in this tick: events that arrived in one read leave in one write. */
  readonly #batch: Buffer[] = [];
  #batchBytes = 0;
  #flushQueued = false;

  constructor(run: Run) {
    this.#run = run;
    this.#exchange = run.exchange;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('abandoned'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText: string | undefined,
  ): void {
    // Interim answers (103) are not relayed; a 1.0 client could not read them.
    if (status < 200 || this.#over) return;
    const run = this.#run;
    const exchange = this.#exchange;
    const raw = textHeaders((controller as { rawHeaders?: (Buffer | string)[] }).rawHeaders ?? []);
    const head = inboundHead(exchange, run.plan, raw, status);
    const bodiless = exchange.req.method === 'HEAD' || status === 204 || status === 304;
    exchange.firstByteMs = run.nowMs();
    exchange.upstreamRequestId = upstreamRequestId(exchange, raw);
    exchange.streamed =
      exchange.streamRequested === true || (head.contentType !== null && STREAM_TYPES.test(head.contentType));
    this.#upstreamCloseDelimited = !bodiless && head.length < 0 && !head.chunked;
    this.#holdsEnd = run.plan.holdsEnd;
    const isSuspect = run.plan.pool.suspects(exchange, status);
    if (!bodiless && (isSuspect || (head.coding !== null && repeatsKey(exchange, status)))) {
      this.#held = new HeldAnswer(status, statusText, head, raw, isSuspect);
      return;
    }
    if (run.judgesKey(status, raw, null)) {
      this.#over = true;
      controller.abort(new Error('another key'));
      return;
    }
    if (!bodiless) this.#openTap(status, raw);
    this.#filter = bodiless ? null : filterFor(exchange, status, head.coding !== null);
    this.#begin(status, statusText, head, bodiless);
  }

  /** Sends the head; from here on the answer is the provider's. */
  #begin(status: number, statusText: string | undefined, head: ResponseHead, bodiless: boolean): void {
    const { req, res } = this.#exchange;
    const shortens = this.#filter instanceof UsageEventFilter;
    const length = shortens ? -1 : head.length;
    if (shortens) dropField(head.headers, 'content-length');
    if (this.#holdsEnd && !bodiless) this.#bytesLeft = length;
    this.#run.beginResponse(status, statusText, head.headers);
    this.#exchange.status = status;
    this.#clientCloseDelimited = req.httpVersionMinor === 0 && length < 0;
    this.#begun = true;
    // With length 0 the head is itself the end of message.
    if (!bodiless && this.#bytesLeft !== 0) this.#queueFlush();
    res.on('drain', () => this.#unblock(BLOCKED_BY_CLIENT));
  }

  /** Sends what was held, unless it says that the pool key is no good and the run does something about it. */
  #releaseHeld(held: HeldAnswer, isWhole: boolean): void {
    this.#held = null;
    const { head, status, statusText, raw } = held;
    if (held.isSuspect && this.#run.judgesKey(status, raw, isWhole ? held.plain() : null)) {
      this.#over = true;
      if (!isWhole) this.#controller!.abort(new Error('another key'));
      return;
    }
    this.#openTap(status, raw);
    const scrubbed =
      isWhole && repeatsKey(this.#exchange, status) ? held.scrubbed(formsOf(this.#exchange)) : null;
    if (scrubbed === null) {
      this.#filter = filterFor(this.#exchange, status, head.coding !== null);
      this.#begin(status, statusText, head, false);
      this.#relayBytes(held.body());
      return;
    }
    dropField(head.headers, 'content-encoding');
    dropField(head.headers, 'content-length');
    head.headers.push('content-length', String(scrubbed.length));
    this.#begin(status, statusText, { ...head, length: scrubbed.length }, false);
    this.#send(scrubbed);
  }

  #openTap(status: number, raw: readonly string[]): void {
    this.#tap = this.#run.plan.openTap(this.#exchange, status, raw);
    if (this.#tap !== null) this.#tap.onDrain = () => this.#unblock(BLOCKED_BY_TAP);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#batch.push(chunk);
    this.#batchBytes += chunk.length;
    this.#queueFlush();
  }

  #queueFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    process.nextTick(flushRelay, this);
  }

  /** The end of a tick: what came in it goes out; a head that came alone goes by itself. */
  flush(): void {
    this.#flushQueued = false;
    if (this.#over) return;
    this.#pass();
    if (!this.#begun || this.#drainBytes !== null) return;
    // Not flushHeaders(): that encodes the head as UTF-8 and would change bytes above 0x7f.
    if (!this.#wrote && this.#tail === null) this.#exchange.res.write(NO_BYTES);
  }

  /** Relays what this tick has brought, or holds it. */
  #pass(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch, this.#batchBytes);
    batch.length = 0;
    this.#batchBytes = 0;
    if (this.#held === null) this.#relayBytes(bytes);
    else if (!this.#held.push(bytes)) this.#releaseHeld(this.#held, false);
  }

  /** To the client first, then to the tap. */
  #relayBytes(bytes: Buffer): void {
    if (this.#drainBytes !== null) this.#countDrained(bytes.length);
    else if (this.#filter === null) this.#send(bytes);
    else for (const kept of this.#filter.push(bytes)) this.#send(kept);
    if (this.#tap !== null && !this.#tap.write(bytes)) this.#block(BLOCKED_BY_TAP);
  }

  /** Past the limit the answer is cancelled; what is here is still read. */
  #countDrained(bytes: number): void {
    this.#drainBytes! -= bytes;
    if (this.#drainBytes! >= 0 || this.#over) return;
    this.drainEnd = 'limit';
    // Not at once: the tap has yet to see these bytes.
    queueMicrotask(() => this.#run.endDrain());
  }

  #send(bytes: Buffer): void {
    if (this.#bytesLeft > 0) {
      this.#bytesLeft -= bytes.length;
      if (this.#bytesLeft <= 0) {
        this.#tail = bytes;
        return;
      }
    }
    this.#wrote = true;
    this.#exchange.responseBytes += bytes.length;
    if (!this.#exchange.res.write(bytes)) this.#block(BLOCKED_BY_CLIENT);
  }

  #block(reason: number): void {
    if (this.#blocked === 0) this.#controller!.pause();
    if (reason === BLOCKED_BY_CLIENT) this.blockedSinceMs ??= this.#run.nowMs();
    this.#blocked |= reason;
  }

  #unblock(reason: number): void {
    if (reason === BLOCKED_BY_CLIENT) this.blockedSinceMs = null;
    if ((this.#blocked & reason) === 0) return;
    this.#blocked &= ~reason;
    if (this.#blocked === 0) this.#controller!.resume();
  }

  onResponseEnd(): void {
    if (this.#over) return;
    const failure = this.#upstreamCloseDelimited ? this.#run.plan.upstreams.failure : null;
    if (failure !== null) {
      this.onResponseError(undefined, failure);
      return;
    }
    this.#over = true;
    this.#pass();
    if (this.#held !== null) this.#releaseHeld(this.#held, true);
    if (!this.#begun) return;
    this.#sendRest();
    if (this.#tap === null) this.#conclude(true);
    else this.#tap.end(sawEnd => this.#conclude(sawEnd));
  }

  /** What the filter still held was the provider's. */
  #sendRest(): void {
    if (this.#filter === null || this.#drainBytes !== null) return;
    for (const bytes of this.#filter.end()) this.#send(bytes);
  }

  /** The upstream message is over by its framing, and the tap has read it all. */
  #conclude(sawEnd: boolean): void {
    const exchange = this.#exchange;
    if (exchange.settled) return;
    const cutShort =
      !sawEnd &&
      this.#upstreamCloseDelimited &&
      exchange.streamed &&
      exchange.status === 200 &&
      exchange.endpoint!.mandatoryEnd;
    if (cutShort) {
      this.#breakOff('upstreamTruncated', 'upstream_reset');
      return;
    }
    exchange.answerEnded = true;
    if (this.#drainBytes !== null) {
      this.#endDrained('whole');
      return;
    }
    exchange.outcome = 'complete';
    if (this.#tail !== null) exchange.responseBytes += this.#tail.length;
    if (!this.#run.settle(this.#holdsEnd ? () => this.#release() : null)) this.#release();
  }

  #release(): void {
    this.#run.beforeEnd();
    if (this.#tail === null) this.#exchange.res.end();
    else this.#exchange.res.end(this.#tail);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#over) return;
    this.#over = true;
    const held = this.#held;
    // Broken off before it was whole: its status may say enough about the pool key.
    if (held?.isSuspect && this.#run.judgesKey(held.status, held.raw, null)) return;
    if (held === null) this.#pass();
    const code = uploadFault(error) ?? upstreamErrorCode(error, this.#begun);
    if (code === 'internal') this.#run.reportBug(error);
    if (!this.#begun) {
      this.#run.upstreamFailed(code, error);
      return;
    }
    if (this.#tap === null) this.#breakOff('upstreamTruncated', code);
    else this.#tap.end(() => this.#breakOff('upstreamTruncated', code));
  }

  #breakOff(outcome: 'upstreamTruncated', code: ErrorCode): void {
    const exchange = this.#exchange;
    if (exchange.settled) return;
    if (this.#drainBytes !== null) {
      this.#endDrained('broken');
      return;
    }
    // What the filter or the length rule still held goes out before the break.
    this.#sendRest();
    exchange.outcome = outcome;
    exchange.errorCode = code;
    this.#run.settle(null);
    truncateResponse(exchange.res, this.#clientCloseDelimited);
  }

  /**
   * Stops at once: the client left, the gateway drains, or time is up. Cancels
   * upstream in whatever phase it is and settles with what the tap has read.
   * The caller ends the client's side.
   */
  cut(settle: () => void): void {
    if (this.#over) return;
    this.#over = true;
    // What is held was never to be relayed as it is.
    if (this.#held === null) this.#pass();
    this.#controller?.abort(new Error('cut'));
    if (this.#tap === null) settle();
    else this.#tap.end(settle);
  }

  /** A successful answer under way that a tap reads: something is to be learnt from the rest of it. */
  get drainable(): boolean {
    const { status } = this.#exchange;
    return this.#begun && !this.#over && this.#tap !== null && status !== null && status < 300;
  }

  /** The client has left: from here on bytes go to the tap alone, at most so many. */
  drain(bytesMax: number): void {
    this.#drainBytes = bytesMax;
    this.#unblock(BLOCKED_BY_CLIENT);
  }

  #endDrained(how: DrainEnd): void {
    this.drainEnd = how;
    this.#exchange.outcome = 'clientAborted';
    this.#run.settle(null);
  }

  /** Ends the client's side of a response that broke off. */
  truncate(): void {
    truncateResponse(this.#exchange.res, this.#clientCloseDelimited);
  }

  /** The response head has gone to the client. */
  get begun(): boolean {
    return this.#begun;
  }
}

/** What must be taken out of this answer (CONTRACT §6); an encoded one is left alone. */
function filterFor(exchange: Exchange, status: number, encoded: boolean): BodyFilter | null {
  if (encoded) return null;
  if (exchange.usageInjected && status === 200) return new UsageEventFilter();
  return repeatsKey(exchange, status) ? new KeyScrubber(formsOf(exchange)) : null;
}

/** Whether this answer is one in which providers repeat the key they were given: an error to a pool key. */
function repeatsKey(exchange: Exchange, status: number): boolean {
  return status > 299 && exchange.principal!.managed && exchange.poolKey !== null;
}

function flushRelay(relay: Relay): void {
  relay.flush();
}
