import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Changes, within } from '../deadline/index.ts';
import { UpstreamConnection } from './connection.ts';
import type { RecordedRequest } from './recorded-request.ts';
import type { SelfSigned } from './self-signed.ts';
import { ConnectionGone, type Script, Turn } from './turn.ts';

export interface UpstreamOptions {
  /** Speak TLS with this certificate. */
  readonly tls?: SelfSigned;
}

export interface ScriptOptions {
  /** When the script begins: with the whole body in hand (default) or as soon as the head is there. */
  readonly at?: 'head' | 'body';
  /** Only for the next matching request. */
  readonly once?: boolean;
}

interface Rule {
  readonly matches: (request: RecordedRequest) => boolean;
  readonly script: Script;
  readonly at: 'head' | 'body';
  readonly once: boolean;
}

/**
 * A scripted provider on raw sockets. It records every byte of every request
 * and answers with whatever bytes a script says, well formed or not.
 */
export class Upstream {
  readonly requests: RecordedRequest[] = [];
  readonly connections: UpstreamConnection[] = [];
  /** What no provider should have to see: badly framed requests, or requests without a script. */
  readonly faults: string[] = [];
  readonly changes = new Changes();
  readonly #server: Server;
  readonly #tls: SelfSigned | null;
  #rules: Rule[] = [];
  #taken = 0;

  private constructor(options: UpstreamOptions) {
    this.#tls = options.tls ?? null;
    this.#server = createServer({ allowHalfOpen: true }, socket => this.#accept(socket));
  }

  static async start(options: UpstreamOptions = {}): Promise<Upstream> {
    const upstream = new Upstream(options);
    upstream.#server.listen(0, '127.0.0.1');
    await once(upstream.#server, 'listening');
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `${this.#tls === null ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  get bytesReceived(): number {
    return this.connections.reduce((sum, connection) => sum + connection.bytesReceived, 0);
  }

  /** Connections that neither side has ended. */
  get openConnections(): number {
    return this.connections.filter(({ gone, peerClose }) => !gone && peerClose === null).length;
  }

  /** The script for every request that no `on` matches. A standing one replaces the one before. */
  reply(script: Script, options: ScriptOptions = {}): void {
    if (options.once !== true)
      this.#rules = this.#rules.filter(rule => rule.matches !== anyRequest || rule.once);
    this.#add(anyRequest, script, options);
  }

  /** The script for requests of that method whose path (target up to `?`) is exactly `path`. */
  on(method: string, path: string, script: Script, options: ScriptOptions = {}): void {
    const matches = (request: RecordedRequest): boolean =>
      request.method === method && request.target.split('?', 1)[0] === path;
    this.#add(matches, script, options);
  }

  #add(matches: Rule['matches'], script: Script, options: ScriptOptions): void {
    this.#rules.push({ matches, script, at: options.at ?? 'body', once: options.once ?? false });
  }

  /** The next request head that no earlier call of `next` gave out. */
  async next(): Promise<RecordedRequest> {
    const index = this.#taken++;
    return this.changes.until(() => this.requests[index], `request ${index + 1} at the provider`);
  }

  /** Waits until every request has been answered or its connection has been ended by the peer. */
  async quiet(): Promise<void> {
    await this.changes.until(
      () =>
        this.requests.every(
          ({ answered, connection }) => answered || connection.gone || connection.peerClose !== null,
        ),
      'all requests at the provider to be over',
    );
  }

  /** Drops every connection and stops. Throws if there were faults. */
  async close(): Promise<void> {
    for (const connection of this.connections) connection.rst();
    if (this.#server.listening) {
      this.#server.close();
      await within(once(this.#server, 'close'), 'the provider to close');
    }
    if (this.faults.length > 0) throw new Error(`the provider saw: ${this.faults.join('; ')}`);
  }

  #accept(socket: Socket): void {
    const connection = new UpstreamConnection(this.connections.length + 1, socket, this.#tls, {
      request: request => this.#begin(request),
      bodyEnded: request => this.#answer(request, 'body'),
      fault: message => this.faults.push(message),
      changed: () => this.changes.notify(),
    });
    this.connections.push(connection);
    this.changes.notify();
  }

  #begin(request: RecordedRequest): void {
    this.requests.push(request);
    this.#answer(request, 'head');
    this.changes.notify();
  }

  #ruleFor(request: RecordedRequest): Rule | undefined {
    const matching = this.#rules.filter(rule => rule.matches(request));
    return (
      matching.find(rule => rule.once) ?? matching.find(rule => rule.matches !== anyRequest) ?? matching[0]
    );
  }

  #answer(request: RecordedRequest, at: 'head' | 'body'): void {
    if (request.answering) return;
    const rule = this.#ruleFor(request);
    if (rule === undefined) {
      if (at === 'body') this.faults.push(`no script for ${request.method} ${request.target}`);
      return;
    }
    if (rule.at !== at) return;
    request.answering = true;
    if (rule.once) this.#rules.splice(this.#rules.indexOf(rule), 1);
    const { connection } = request;
    connection.turns = connection.turns.then(() => this.#run(rule.script, request));
  }

  async #run(script: Script, request: RecordedRequest): Promise<void> {
    try {
      await new Turn(request).run(script);
    } catch (error) {
      const gone =
        error instanceof ConnectionGone || request.connection.gone || request.connection.peerClose !== null;
      if (!gone) this.faults.push(`script failed: ${(error as Error).message}`);
    }
    request.answered = true;
    this.changes.notify();
  }
}

function anyRequest(): boolean {
  return true;
}
