import type { IncomingMessage } from 'node:http';
import type { AdminAnswer, AdminRoute } from '../pipeline/index.ts';
import { AdminGate } from './admin-gate.ts';
import type { Admin } from './admin-keys.ts';
import { parseJsonBody } from './json-body.ts';
import { errorAnswer, jsonAnswer, type OpsAnswer, textAnswer } from './ops-answer.ts';
import type { AuditEntry, BadCredentials, OpsHouse } from './ops-house.ts';
import { type OpsTarget, parseOpsTarget } from './ops-target.ts';
import { ADMIN_REMEDY, homePage, livePage, OWN_PAGES, readyPage } from './own-pages.ts';
import { isAmbiguous, webPageFault } from './request-checks.ts';
import { RouteTable } from './route-table.ts';
import type { OpsSettings } from './settings.ts';

const OWN_PATHS: ReadonlySet<string> = new Set(OWN_PAGES.keys());

/** What of the settings a reload may change. */
type Changeable = Pick<OpsSettings, 'host' | 'hosts' | 'adminKeys' | 'metrics'>;

/** Request → answer. Knows nothing of sockets. */
export class OpsHandler {
  readonly #house: OpsHouse;
  readonly #gate: AdminGate;
  #hosts!: ReadonlySet<string>;
  #metrics!: OpsSettings['metrics'];
  /** The routes that the table was built from. */
  #routes: readonly AdminRoute[] | null = null;
  #table!: RouteTable;

  constructor(settings: Changeable, house: OpsHouse, badCredentials: BadCredentials) {
    this.#house = house;
    this.#gate = new AdminGate(settings.adminKeys, badCredentials);
    this.#readSettings(settings);
  }

  update(settings: Changeable): void {
    this.#gate.update(settings.adminKeys);
    this.#readSettings(settings);
  }

  #readSettings({ host, hosts, metrics }: Changeable): void {
    this.#hosts = new Set([host, ...hosts].map(name => name.toLowerCase()));
    this.#metrics = metrics;
  }

  /** @param body what came with the request, whole. */
  async answer(req: IncomingMessage, body: Buffer, requestId: string): Promise<OpsAnswer> {
    const target = parseOpsTarget(req.url!);
    if (target === null || isAmbiguous(req))
      return errorAnswer(400, 'bad_request', 'The target or the Host of this request is not acceptable.');
    const fault = webPageFault(req, this.#hosts);
    if (fault !== null) return fault;
    if (OWN_PATHS.has(target.path)) return this.#ownPage(req, target.path);
    return this.#adminCall(req, target, body, requestId);
  }

  #ownPage(req: IncomingMessage, path: string): OpsAnswer | Promise<OpsAnswer> {
    if (req.method !== 'GET' && req.method !== 'HEAD') return methodNotAllowed(['GET', 'HEAD']);
    if (path === '/livez') return livePage();
    if (path === '/readyz') return readyPage(this.#house);
    if (path === '/metrics') return this.#metricsPage(req);
    return homePage(this.#house.version, this.#metrics, this.#house.routes(), this.#gate.isOpen);
  }

  async #metricsPage(req: IncomingMessage): Promise<OpsAnswer> {
    if (this.#metrics === 'viewer') {
      const admin = this.#gate.admit(req, 'viewer');
      if (isAnswer(admin)) return admin;
    }
    const metrics = this.#metrics === 'off' ? null : this.#house.metrics();
    if (metrics === null)
      return errorAnswer(404, 'metrics_off', 'Metrics are off: see ops.metrics in the config.');
    const { contentType, text } = await metrics;
    return textAnswer(text, contentType);
  }

  async #adminCall(
    req: IncomingMessage,
    target: OpsTarget,
    body: Buffer,
    requestId: string,
  ): Promise<OpsAnswer> {
    const method = req.method!;
    const match = this.#currentTable().match(method, target.segments);
    if (match === null)
      return errorAnswer(404, 'unknown_path', 'There is nothing at this path. GET / lists what there is.');
    if (!this.#gate.isOpen) {
      const message = `Admin calls are off. Add an admin key to the config: ${ADMIN_REMEDY}`;
      return errorAnswer(404, 'admin_disabled', message);
    }
    if ('allow' in match) return methodNotAllowed(match.allow);
    const { route, params } = match;
    const admin = this.#gate.admit(req, route.role);
    if (isAnswer(admin)) return admin;
    const parsed = parseJsonBody(route.method === 'GET' ? Buffer.alloc(0) : body);
    if (!parsed.ok) return errorAnswer(400, 'bad_json', `The body ${parsed.reason}.`);
    const value = route.complete === undefined ? parsed.value : route.complete(parsed.value);
    const { id, role } = admin;
    const entry = { admin: id, role, method, path: target.path, requestId, params, body: value };
    const run = async (): Promise<AdminAnswer> => route.run({ ...entry, query: target.query });
    if (route.method !== 'GET') return this.#recorded(entry, route, run);
    const answer = await run();
    return jsonAnswer(answer.status, answer.body);
  }

  /** Runs a call once it is on record; how it failed is told as well. */
  async #recorded(entry: AuditEntry, route: AdminRoute, run: () => Promise<AdminAnswer>): Promise<OpsAnswer> {
    if ((await this.#house.audit(entry, route)) === 'unavailable') {
      const message = 'This call cannot be recorded at the moment, so it did not take place.';
      return errorAnswer(503, 'audit_unavailable', message);
    }
    let status = 500;
    try {
      const answer = await run();
      status = answer.status;
      return jsonAnswer(status, answer.body);
    } finally {
      if (status >= 400) await this.#house.failed(entry, status);
    }
  }

  #currentTable(): RouteTable {
    const routes = this.#house.routes();
    if (routes !== this.#routes) {
      this.#table = new RouteTable(routes, OWN_PATHS);
      this.#routes = routes;
    }
    return this.#table;
  }
}

function isAnswer(value: Admin | OpsAnswer): value is OpsAnswer {
  return 'status' in value;
}

function methodNotAllowed(allow: readonly string[]): OpsAnswer {
  return errorAnswer(405, 'method_not_allowed', `This path takes ${allow.join(' and ')}.`, [
    'allow',
    allow.join(', '),
  ]);
}
