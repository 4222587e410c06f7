import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, type IdSource, requestIdFrom } from '../base/index.ts';
import { fallbackDialect } from '../dialects/index.ts';
import { type ErrorCode, Refusal } from '../errors/index.ts';
import { type Dialect, Exchange, type Principal, type Provider } from '../pipeline/index.ts';
import { asBareTarget, type Target } from '../wire/index.ts';
import { admit } from './admit.ts';
import { answerRefusal, writeWhole } from './answer.ts';
import { ConnectionCap } from './connection-cap.ts';
import { corsFields, isPreflight, preflightFields } from './cors.ts';
import { isCrossSite } from './cross-site.ts';
import { Drains } from './drains.ts';
import { answerOwnPage, isProbe } from './own-pages.ts';
import type { Plan } from './plan.ts';
import { declaredLength } from './request-body.ts';
import { Run } from './run.ts';
import type { RunHouse } from './run-house.ts';

/** A client's request id that may be repeated in headers and logs as it is (CONTRACT §5). */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

export interface HandlerHouse {
  readonly clock: Clock;
  readonly ids: IdSource;
  reportBug(error: unknown, requestId: string): void;
  /** What the operator may know about a refusal and the client may not. */
  explain(refusal: Refusal, requestId: string): void;
}

/** How a request came in besides its head. */
export type Arrival = 'plain' | 'expectContinue' | 'badExpectation';

/**
 * Admission: framing, method, target, overload, provider, declared length, in
 * the order of CONTRACT §7; then a `Run` takes over.
 */
export class RequestHandler implements RunHouse {
  /** Swapped whole by a reload; a run keeps the one it began with. */
  plan: Plan;
  draining = false;
  readonly live = new Set<Run>();
  readonly ending = new Set<Run>();
  readonly drains = new Drains();
  readonly bySocket = new WeakMap<object, Run>();
  readonly clock: Clock;
  readonly connections = new ConnectionCap();
  readonly #house: HandlerHouse;
  /** Sockets whose last request was refused and not yet answered whole. */
  readonly #refusing = new WeakMap<Socket, ServerResponse>();

  constructor(house: HandlerHouse, plan: Plan) {
    this.#house = house;
    this.clock = house.clock;
    this.plan = plan;
  }

  reportBug(error: unknown, requestId: string): void {
    this.#house.reportBug(error, requestId);
  }

  /** Asked once a second by the owner of the clock's ticks. */
  checkDeadlines(): void {
    const nowMs = this.clock.monotonicMs();
    for (const run of this.live) {
      try {
        run.checkDeadlines(nowMs);
      } catch (error) {
        this.reportBug(error, run.exchange.requestId);
      }
    }
    for (const run of this.ending) run.checkReader(nowMs);
  }

  /** Exchanges that hold a client: running ones, and ended ones that are still being read. */
  get busy(): number {
    return this.live.size + this.ending.size;
  }

  /** Ends the exchanges of principals for which a refusal is given: their keys are no good any more. */
  endWhere(verdict: (principal: Principal) => Refusal | null): void {
    for (const run of [...this.live]) {
      const { principal } = run.exchange;
      const refusal = principal === null ? null : verdict(principal);
      if (refusal !== null) run.revoke(refusal);
    }
  }

  /** From here on answers close their connection, and nothing is read on for a client that has left. */
  startDraining(): void {
    this.draining = true;
    for (const run of [...this.live]) run.endDrain();
  }

  /** Ends every running exchange where it stands, as drained away. */
  cutAll(): void {
    for (const run of [...this.live]) run.cut('drainCut', null);
  }

  handle(req: IncomingMessage, res: ServerResponse, arrival: Arrival): void {
    // Nothing pipelined behind a refused request runs, nor is answered; what
    // came before it still goes out.
    const refused = this.#refusing.get(req.socket);
    if (refused !== undefined) {
      endAfter(refused, req.socket);
      return;
    }
    const exchange = this.#open(req, res);
    try {
      this.#admit(exchange, arrival);
    } catch (error) {
      this.reportBug(error, exchange.requestId);
      this.#refuse(exchange, new Refusal('internal'));
    }
  }

  #open(req: IncomingMessage, res: ServerResponse): Exchange {
    const { clock, ids } = this.#house;
    const id = ids.next();
    const given = req.headers['x-request-id'];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : requestIdFrom(id);
    return new Exchange(req, res, id, requestId, clock.wallMs(), clock.monotonicMs());
  }

  #admit(exchange: Exchange, arrival: Arrival): void {
    const { req } = exchange;
    const admitted = admit(req);
    if (admitted instanceof Refusal) {
      this.#refuse(exchange, admitted);
      return;
    }
    exchange.target = admitted;
    const plan = this.plan;
    this.#resolve(exchange, plan, admitted);
    if (isUpgrade(req)) this.#refuse(exchange, new Refusal('upgrade_required'));
    else if (arrival === 'badExpectation') this.#refuse(exchange, new Refusal('expectation_failed'));
    else if (!answerOwnPage(exchange, this.draining))
      this.#enter(exchange, plan, arrival === 'expectContinue');
  }

  #enter(exchange: Exchange, plan: Plan, continueExpected: boolean): void {
    // Asked by tools and health checks: never counted, never refused for load.
    if (exchange.provider !== null && isProbe(exchange.req.method!, exchange.target!)) {
      this.#answerEmpty(exchange, plan, 200, []);
      return;
    }
    const refusal = this.#gate(exchange, plan);
    if (refusal !== null) this.#refuse(exchange, refusal);
    else if (plan.site.corsOrigins.size > 0 && isPreflight(exchange.req))
      this.#answerPreflight(exchange, plan);
    else new Run(this, plan, exchange, continueExpected).start();
  }

  /** A broken body: refuses the exchange under way on a socket. False where there is none to refuse. */
  failOn(socket: object, code: ErrorCode): boolean {
    // Answered already: node rejects some framing only after the request event. Nothing more is read.
    if (this.#refusing.has(socket as Socket)) {
      (socket as Socket).pause();
      (socket as Socket).destroySoon();
      return true;
    }
    const run = this.bySocket.get(socket);
    if (run === undefined || run.exchange.settled) return false;
    run.refuse(new Refusal(code));
    return true;
  }

  /** A client's half-close: node tells the response of it only once everything written has been read. */
  onHalfClose(socket: object): void {
    this.bySocket.get(socket)?.onClientGone();
  }

  /** Overload, address rules, provider, declared length. */
  #gate(exchange: Exchange, plan: Plan): Refusal | null {
    if (this.live.size >= plan.inflightMax) return new Refusal('overloaded', null, 1);
    const blocked = plan.blockedBy();
    if (blocked !== null) return new Refusal(blocked, null, 1);
    const { provider, req } = exchange;
    if (plan.readsAddress) exchange.address = plan.addresses.of(req);
    if (plan.allow !== null && !(exchange.address !== '' && plan.allow.has(exchange.address)))
      return new Refusal('address_refused', exchange.address);
    if (provider !== null && plan.isOpen(provider) && isCrossSite(plan.site, req))
      return new Refusal('cross_site');
    for (const stage of plan.admit) {
      const refusal = stage.run(exchange);
      if (refusal !== undefined) return refusal;
    }
    if (provider === null) return new Refusal('unknown_provider');
    return declaredLength(req) > plan.bodyBytesMax ? new Refusal('body_too_large') : null;
  }

  /** Finds provider and endpoint. */
  #resolve(exchange: Exchange, plan: Plan, target: Target): void {
    let provider = plan.providers.get(target.first) ?? null;
    let at = target;
    if (provider === null) {
      provider = bareProvider(plan, target);
      if (provider !== null) at = asBareTarget(target);
    }
    if (provider === null) return;
    exchange.target = at;
    exchange.provider = provider;
    exchange.endpoint = provider.endpoint(exchange.req.method!, at.segments);
  }

  #answerPreflight(exchange: Exchange, plan: Plan): void {
    const allowed = corsFields(plan.site, exchange.req);
    if (allowed === null) this.#refuse(exchange, new Refusal('cross_site'));
    else this.#answerEmpty(exchange, plan, 204, preflightFields(exchange.req, allowed));
  }

  #answerEmpty(exchange: Exchange, plan: Plan, status: number, headers: readonly string[]): void {
    const own = ['x-request-id', exchange.requestId, 'x-weir-request-id', exchange.requestId];
    const close = this.draining ? ['connection', 'close'] : [];
    writeWhole(exchange.res, status, [...headers, ...own, ...close], '');
    exchange.status = status;
    exchange.outcome = 'complete';
    exchange.settled = true;
    plan.settle(exchange, null);
  }

  answer(exchange: Exchange, refusal: Refusal, close: boolean): void {
    const { req, res } = exchange;
    this.#refusing.set(req.socket, res);
    if (!close && !this.draining) res.once('finish', () => this.#refusing.delete(req.socket));
    const { site } = this.plan;
    const cors = site.corsOrigins.size === 0 ? null : corsFields(site, req);
    if (refusal.detail !== null) this.#house.explain(refusal, exchange.requestId);
    const limits = this.plan.limitHeaders === null ? [] : this.plan.limitHeaders(exchange);
    const extra = cors === null ? limits : [...cors, ...limits];
    answerRefusal(exchange, errorDialect(exchange), refusal, close || this.draining, extra);
  }

  #refuse(exchange: Exchange, refusal: Refusal): void {
    const { req, res } = exchange;
    if (exchange.settled || res.writableEnded) return;
    exchange.outcome = 'refused';
    exchange.errorCode = refusal.code;
    this.answer(exchange, refusal, closesConnection(req, refusal));
    exchange.settled = true;
    this.plan.settle(exchange, null);
  }
}

/** An unread body, or a request whose framing or target cannot be trusted, ends the connection. */
function closesConnection(req: IncomingMessage, refusal: Refusal): boolean {
  return (
    declaredLength(req) !== 0 ||
    refusal.code === 'upgrade_required' ||
    req.url === '*' ||
    isFramingFault(refusal)
  );
}

function isFramingFault(refusal: Refusal): boolean {
  switch (refusal.code) {
    case 'bad_framing':
    case 'bad_target':
    case 'bad_transfer_coding':
    case 'http_version':
    case 'method_not_allowed':
    case 'expectation_failed':
      return true;
    default:
      return false;
  }
}

/** Ends a connection once this answer has left. */
function endAfter(res: ServerResponse, socket: Socket): void {
  // However many requests are pipelined behind it, one listener is enough.
  if (res.writableFinished) socket.destroySoon();
  else if (res.listenerCount('finish', destroySocket) === 0) res.once('finish', destroySocket);
}

function destroySocket(this: ServerResponse): void {
  this.req.socket.destroySoon();
}

/** How errors on a path are worded: asked only when there is one. */
function errorDialect({ provider, target }: Exchange): Dialect {
  return provider === null ? fallbackDialect(target) : provider.errorDialect(target!.segments);
}

/** RFC 9110 §7.8: an Upgrade field counts only where Connection names it. */
function isUpgrade(req: IncomingMessage): boolean {
  return (
    req.headers.upgrade !== undefined && /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(req.headers.connection ?? '')
  );
}

function bareProvider(plan: Plan, target: Target): Provider | null {
  const path = target.path.split('/');
  for (const bare of plan.bare) {
    if (bare.segments.every((segment, i) => path[i + 1] === segment)) return bare.provider;
  }
  return null;
}
