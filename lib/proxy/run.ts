import type { Dispatcher } from 'undici';
import { type ErrorCode, errorRow, Refusal } from '../errors/index.ts';
import type { Exchange, OutboundRequest, Outcome, Stage, StageResult } from '../pipeline/index.ts';
import { fieldValue, type JsonScanner } from '../wire/index.ts';
import { lingerBeforeClose } from './answer.ts';
import { endLeases } from './end-leases.ts';
import { injectUsage } from './inject-usage.ts';
import type { Plan } from './plan.ts';
import { Relay } from './relay.ts';
import { type BodyStart, declaredLength, IN_HAND_BYTES, startBody, startWholeBody } from './request-body.ts';
import { outboundRequest } from './request-head.ts';
import { meterText, scanRequest } from './request-scan.ts';
import { relayedReason } from './response-head.ts';
import type { RunHouse } from './run-house.ts';
import { runStages } from './run-stages.ts';
import { Upload } from './upload.ts';

/** Dispatches of one request, each with another pool key (CONTRACT §2). */
const ATTEMPTS_MAX = 2;

/**
 * One exchange under way, from the moment its provider is known until it is
 * settled: stages, body, dispatch. The response side is `Relay`. Whatever
 * happens, `settle` takes effect exactly once.
 */
export class Run {
  readonly exchange: Exchange;
  readonly plan: Plan;
  readonly #house: RunHouse;
  #relay: Relay | null = null;
  #upload: Upload | null = null;
  #scan: JsonScanner | null = null;
  #continueExpected: boolean;
  /** When the client last sent a piece of its upload; null while none is awaited. */
  #uploadMs: number | null = null;
  /** When the whole request was on its way to the provider; null before. */
  #sentMs: number | null = null;
  #endedMs = 0;
  /** Until when the answer is read on for nobody but the tap; null while it has a client. */
  #drainUntilMs: number | null = null;
  /** What the body may measure. */
  #bytesMax = 0;

  constructor(house: RunHouse, plan: Plan, exchange: Exchange, continueExpected: boolean) {
    this.#house = house;
    this.plan = plan;
    this.exchange = exchange;
    this.#continueExpected = continueExpected;
    house.live.add(this);
    house.bySocket.set(exchange.req.socket, this);
    exchange.res.on('close', () => {
      house.ending.delete(this);
      this.onClientGone();
    });
  }

  nowMs(): number {
    return this.#house.clock.monotonicMs();
  }

  reportBug(error: unknown): void {
    this.#house.reportBug(error, this.exchange.requestId);
  }

  start(): void {
    this.#guard(() => this.#proceed(this.plan.early, () => this.#readBody()));
  }

  /** A throw is a bug: it fails this exchange as `internal` and goes to the log, never further. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.reportBug(error);
      this.refuse(new Refusal('internal'));
    }
  }

  #proceed(stages: readonly Stage[], next: () => void): void {
    const result = runStages(stages, this.exchange);
    if (result instanceof Promise) {
      result.then(
        refusal => this.#guard(() => this.#step(refusal, next)),
        error => {
          this.reportBug(error);
          this.refuse(new Refusal('internal'));
        },
      );
    } else this.#step(result, next);
  }

  #step(refusal: StageResult, next: () => void): void {
    if (this.exchange.settled) return;
    if (refusal !== undefined) this.refuse(refusal);
    else next();
  }

  #readBody(): void {
    const { exchange } = this;
    const principal = exchange.principal!;
    const bytesMax = Math.min(this.plan.bodyBytesMax, principal.grant?.bodyBytes ?? Number.POSITIVE_INFINITY);
    if (declaredLength(exchange.req) > bytesMax) {
      this.refuse(new Refusal('body_too_large'));
      return;
    }
    if (this.#continueExpected) exchange.res.writeContinue();
    const bodiless = exchange.req.method === 'GET' || exchange.req.method === 'HEAD';
    this.#scan = bodiless ? null : scanRequest(exchange, this.plan.readsOutputLimit);
    if (this.plan.metersText && !bodiless) exchange.requestText = meterText(exchange);
    this.#bytesMax = bytesMax;
    this.#uploadMs = this.nowMs();
    const isWhole = exchange.needsWholeBody || (principal.managed && exchange.provider!.scheme.needsBody);
    const arrived = (): void => {
      this.#uploadMs = this.nowMs();
    };
    const done = (start: BodyStart): void => this.#guard(() => this.#onBody(start));
    if (isWhole) startWholeBody(exchange, this.plan.bodyRoom, bytesMax, arrived, done);
    else startBody(exchange.req, Math.min(IN_HAND_BYTES, bytesMax), bytesMax, null, arrived, done);
  }

  #onBody(start: BodyStart): void {
    const { exchange } = this;
    if (exchange.settled) return;
    if (start.kind === 'refused') {
      this.refuse(start.refusal);
      return;
    }
    if (start.kind === 'whole') {
      this.#uploadMs = null;
      exchange.body = start.body;
      if (start.body !== null) this.#see(start.body);
      this.#scan?.endDocument();
    } else {
      exchange.isRepeatable = false;
      for (const chunk of start.prefix) this.#see(chunk);
      this.#upload = new Upload(exchange.req, start.prefix, this.#bytesMax, chunk => this.#see(chunk));
      this.#upload.once('end', () => {
        this.#uploadMs = null;
        this.#sentMs = this.nowMs();
        this.#scan?.endDocument();
      });
      // undici listens too; without a listener of ours an early failure would be an uncaught error.
      this.#upload.on('error', () => {});
    }
    this.#proceed(this.plan.late, () => this.#dispatch());
  }

  #see(chunk: Buffer): void {
    this.exchange.requestBytes += chunk.length;
    if (this.#uploadMs !== null) this.#uploadMs = this.nowMs();
    this.#scan?.write(chunk);
    this.exchange.requestText?.write(chunk);
  }

  #dispatch(): void {
    const { exchange } = this;
    const injected = exchange.body === null ? null : injectUsage(exchange, exchange.body);
    if (injected !== null) {
      exchange.body = injected;
      exchange.usageInjected = true;
    }
    this.#attempt();
  }

  /** One dispatch with the pool key that the exchange has now. */
  #attempt(): void {
    const { exchange } = this;
    const provider = exchange.provider!;
    const outbound = outboundRequest(exchange, provider);
    const key = exchange.principal!.managed ? exchange.poolKey : null;
    const signed = key === null ? undefined : provider.scheme.sign(outbound, key.secret);
    if (signed === undefined) this.#send(outbound);
    else {
      signed.then(
        refusal => this.#guard(() => this.#step(refusal, () => this.#send(outbound))),
        error => {
          this.reportBug(error);
          this.refuse(new Refusal('internal'));
        },
      );
    }
  }

  #send(outbound: OutboundRequest): void {
    const { exchange } = this;
    const { method, path, headers } = outbound;
    exchange.sentSecrets = outbound.secrets;
    if (this.#upload !== null) {
      const length = exchange.req.headers['content-length'];
      if (length !== undefined) headers.push('content-length', length);
    }
    const relay = new Relay(this);
    this.#relay = relay;
    exchange.attempts++;
    exchange.dispatchedMs = this.nowMs();
    if (this.#upload === null) this.#sentMs = exchange.dispatchedMs;
    const { upstreams, timeouts, opened } = this.plan;
    if (opened !== null && exchange.attempts === 1 && exchange.principal!.managed) opened(exchange);
    upstreams.of(exchange.provider!.origin).dispatch(
      {
        method: method as Dispatcher.HttpMethod,
        path,
        headers,
        body: this.#upload ?? outbound.body,
        headersTimeout: timeouts.firstByteMs,
        bodyTimeout: timeouts.idleMs,
      },
      relay,
    );
  }

  /**
   * Has the pool judge an answer of which nothing was relayed yet. `error` is
   * its plain body where it was held. True when it is not to be relayed at all:
   * another key is being tried, or the client was told what is wrong.
   */
  judgesKey(status: number, raw: readonly string[], error: Buffer | null): boolean {
    const { exchange, plan } = this;
    if (exchange.poolKey === null) return false;
    const verdict = plan.pool.judge(exchange, status, fieldValue(raw, 'retry-after'), error);
    if (verdict === 'fine') return false;
    const repeatable = exchange.isRepeatable && exchange.attempts < ATTEMPTS_MAX && verdict !== 'unsuited';
    const none = repeatable ? plan.pool.next(exchange) : plan.pool.lacks(exchange);
    if (repeatable && none === undefined) {
      exchange.upstreamRequestId = null;
      exchange.firstByteMs = null;
      // From here until the next dispatch there is nothing upstream to cancel.
      this.#relay = null;
      this.#attempt();
      return true;
    }
    // A provider's own words about its rate are true; what it says of a key of ours is not the client's business.
    if (verdict === 'limited') return false;
    this.refuse(none ?? new Refusal('upstream_auth_failed'));
    return true;
  }

  /** Called by the relay when the head goes to the client. */
  beginResponse(status: number, statusText: string | undefined, headers: string[]): void {
    const { req, res } = this.exchange;
    // An answer before the upload's end: the rest of it will not be read.
    if (this.#house.draining || !req.complete) headers.push('connection', 'close');
    res.sendDate = false;
    const reason = relayedReason(this.exchange, status, statusText);
    if (reason === null) res.writeHead(status, headers);
    else res.writeHead(status, reason, headers);
  }

  /** The answer is about to end: an upload it did not wait for is given time to stop. */
  beforeEnd(): void {
    if (!this.exchange.req.complete) lingerBeforeClose(this.exchange.req);
    this.#endedMs = this.nowMs();
    this.#house.ending.add(this);
  }

  /** Asked about once a second after the end: a client that does not read its answer is let go. */
  checkReader(nowMs: number): void {
    if (nowMs - this.#endedMs <= this.plan.timeouts.idleMs) return;
    this.#house.ending.delete(this);
    this.exchange.req.socket.destroy();
  }

  /** The provider gave no answer to relay. */
  upstreamFailed(code: ErrorCode, error: Error): void {
    const { source } = errorRow(code);
    this.#fail(source === 'upstream' ? 'upstreamFailed' : 'refused', new Refusal(code, error.message));
  }

  /** Answers a refusal and settles; nothing goes upstream any more. */
  refuse(refusal: Refusal): void {
    const isUpstreams = this.exchange.attempts > 0 && errorRow(refusal.code).source === 'upstream';
    this.#fail(isUpstreams ? 'upstreamFailed' : 'refused', refusal);
  }

  #fail(outcome: Outcome, refusal: Refusal): void {
    const { exchange } = this;
    if (exchange.settled) return;
    if (this.#relay?.begun) {
      const isClients = errorRow(refusal.code).source === 'downstream';
      this.cut(isClients ? 'clientAborted' : 'upstreamTruncated', refusal.code);
      return;
    }
    this.#relay?.cut(() => {});
    this.#upload?.destroy();
    exchange.outcome = outcome;
    exchange.errorCode = refusal.code;
    try {
      this.#house.answer(exchange, refusal, !exchange.req.complete);
    } catch (error) {
      // Nothing can be said any more: the client sees a broken connection, and the exchange still settles.
      this.reportBug(error);
      exchange.status = null;
      exchange.req.socket.destroy();
    }
    this.settle(null);
  }

  /** The client closed, reset, or half-closed its connection. */
  onClientGone(): void {
    const { exchange } = this;
    if (exchange.settled || exchange.res.writableFinished || this.#drainUntilMs !== null) return;
    if (this.#beginDrain()) exchange.req.socket.destroy();
    else this.cut('clientAborted', null);
  }

  /** Reads on where config wants it, for the usage; false where the answer is to be cancelled. */
  #beginDrain(): boolean {
    const { name, disconnect } = this.exchange.provider!;
    // Before the whole request was sent there is nothing to be had but more to pay.
    if (disconnect === null || this.#sentMs === null || this.#relay?.drainable !== true) return false;
    if (this.#house.draining || !this.#house.drains.begin(name)) return false;
    this.#drainUntilMs = this.nowMs() + disconnect.ms;
    this.#relay.drain(disconnect.bytes);
    return true;
  }

  /** The gateway drains: an answer that nobody waits for is not waited for. */
  endDrain(): void {
    if (this.#drainUntilMs !== null) this.cut('clientAborted', null);
  }

  /** The key was denied while this ran: nothing more of the answer goes out. */
  revoke(refusal: Refusal): void {
    if (this.#relay?.begun) this.cut('refused', refusal.code);
    else this.refuse(refusal);
  }

  /** Ends the exchange where it stands: upstream is cancelled, the client sees a broken response. */
  cut(outcome: Outcome, code: ErrorCode | null): void {
    const { exchange } = this;
    if (exchange.settled) return;
    const settle = (): void => {
      if (exchange.settled) return;
      const hasClient = this.#drainUntilMs === null;
      exchange.outcome = hasClient ? outcome : 'clientAborted';
      exchange.errorCode = hasClient ? code : null;
      this.settle(null);
    };
    this.#upload?.destroy();
    if (this.#relay === null) settle();
    else this.#relay.cut(settle);
    // Nobody reads any more, or nothing was sent: there is nothing to flush.
    if (this.#relay?.begun && outcome !== 'clientAborted') this.#relay.truncate();
    else exchange.req.socket.destroy();
  }

  /** Asked about once a second: a stalled client or an endless exchange is ended (CONTRACT §8, timeouts). */
  checkDeadlines(nowMs: number): void {
    const { timeouts } = this.plan;
    const { exchange } = this;
    if (exchange.settled) return;
    if (this.#drainUntilMs !== null && nowMs > this.#drainUntilMs) {
      this.#relay!.drainEnd = 'limit';
      this.endDrain();
    } else if (
      this.#uploadMs !== null &&
      nowMs - this.#uploadMs > timeouts.bodyIdleMs &&
      !this.#uploadIsWaiting()
    ) {
      this.refuse(new Refusal('request_timeout'));
    } else if (
      nowMs - exchange.startedMs > timeouts.totalMs ||
      this.#waitedMs(nowMs) > timeouts.firstByteMs
    ) {
      this.refuse(new Refusal('upstream_timeout'));
    } else if (this.#relay?.blockedSinceMs && nowMs - this.#relay.blockedSinceMs > timeouts.idleMs) {
      this.cut('clientAborted', null);
    }
  }

  /** How long the provider has had the whole request without a response head. undici's own timer begins anew at every interim answer. */
  #waitedMs(nowMs: number): number {
    return this.#sentMs === null || this.#relay?.begun ? 0 : nowMs - this.#sentMs;
  }

  /** The upload stands still because the provider does not take it, which is not the client's fault. */
  #uploadIsWaiting(): boolean {
    return this.#upload !== null && this.exchange.req.isPaused();
  }

  /** Settles once; true when the sink will call `recorded`. */
  settle(recorded: (() => void) | null): boolean {
    if (this.exchange.settled) return false;
    const { exchange } = this;
    exchange.settled = true;
    this.#house.live.delete(this);
    if (this.#drainUntilMs !== null) this.#house.drains.end(exchange.provider!.name, this.#relay!.drainEnd);
    endLeases(exchange, error => this.reportBug(error));
    return this.plan.settle(exchange, recorded);
  }
}
