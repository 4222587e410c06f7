import type { Clock } from '../../base/index.ts';
import type { AdminAnswer, AdminRequest } from '../../pipeline/index.ts';
import type { AuditDraft, KeyChange, KeyRecord, KeyRefusal, NewKey, Register } from '../../store/index.ts';
import type { AuthSettings, IssuerSettings } from '../auth-settings.ts';
import type { DenySwitch } from '../deny/deny-switch.ts';
import { readCreate, readKeyQuery, readRotate, readTouch } from './key-body.ts';
import type { KeyEnforcer } from './key-enforcer.ts';
import { issuerIdOf, makeKey, refusal } from './key-maker.ts';
import { shownKey } from './shown-key.ts';

export interface KeyRecordsHouse {
  readonly clock: Clock;
  readonly auth: AuthSettings;
  readonly register: Register;
  /** What takes keys away, and what keeps it to the records; null without a `deny` section. */
  readonly deny: { readonly switch: DenySwitch; readonly enforcer: KeyEnforcer } | null;
}

const NO_DENY =
  'a key is taken away by the deny set, and this gateway has none: add deny: {} to its config (deny.nats for a fleet)';
const NO_ISSUER =
  'keys on record are minted here, and no issuer of the config has its secret: set auth.issuers[].secretKey';

/** The admin calls on key records. Record and audit entry are one transaction; the deny set follows the record. */
export class KeyRecords {
  readonly #house: KeyRecordsHouse;

  constructor(house: KeyRecordsHouse) {
    this.#house = house;
  }

  async list({ query }: AdminRequest): Promise<AdminAnswer> {
    const nowMs = this.#nowMs();
    const asked = readKeyQuery(query, nowMs);
    if (typeof asked === 'string') return refusal(400, 'bad_request', asked);
    const page = await this.#house.register.keys(asked);
    if (!page.ok) return away(page);
    const { keys, next } = page.value;
    const body = {
      keys: keys.map(key => shownKey(key, nowMs)),
      next: next === null ? null : String(next),
    };
    return { status: 200, body };
  }

  async show({ params }: AdminRequest): Promise<AdminAnswer> {
    const found = await this.#house.register.key(params.jti!);
    if (!found.ok) return away(found);
    return found.value === null ? UNKNOWN : { status: 200, body: shownKey(found.value, this.#nowMs()) };
  }

  async create(request: AdminRequest): Promise<AdminAnswer> {
    const body = readCreate(request.body);
    if (typeof body === 'string') return refusal(400, 'bad_request', body);
    const issuer = this.#issuerFor(body.issuerId, false);
    if ('status' in issuer) return issuer;
    const made = await this.#make(issuer, body.claims, request.admin);
    if ('status' in made) return made;
    const key = { ...made.record, name: body.name ?? null, notes: body.notes ?? null };
    const changed = await this.#change(request, key.jti, { kind: 'create', key });
    if ('status' in changed) return changed;
    return { status: 201, body: { key: made.key, record: shownKey(changed[0]!, this.#nowMs()) } };
  }

  async disable(request: AdminRequest): Promise<AdminAnswer> {
    if (this.#house.deny === null) return refusal(409, 'no_deny', NO_DENY);
    return this.#switch(request, { kind: 'disable', atMs: this.#nowMs() });
  }

  async enable(request: AdminRequest): Promise<AdminAnswer> {
    const { deny } = this.#house;
    if (deny === null) return refusal(409, 'no_deny', NO_DENY);
    const jti = request.params.jti!;
    const file = deny.switch.fileWith(jti);
    if (file !== null) {
      const message = `the file ${file} denies this key: remove the entry there (weir deny remove key … --file ${file})`;
      return refusal(409, 'held_by_file', message);
    }
    const changed = await this.#change(request, jti, { kind: 'enable', atMs: this.#nowMs() });
    if ('status' in changed) return changed;
    const problem = await deny.enforcer.free(changed[0]!);
    return problem === null ? this.#shown(changed[0]!) : notYet(problem);
  }

  async rotate(request: AdminRequest): Promise<AdminAnswer> {
    if (this.#house.deny === null) return refusal(409, 'no_deny', NO_DENY);
    const body = readRotate(request.body);
    if (typeof body === 'string') return refusal(400, 'bad_request', body);
    const jti = request.params.jti!;
    const found = await this.#house.register.key(jti);
    if (!found.ok) return away(found);
    const old = found.value;
    if (old === null) return UNKNOWN;
    const issuer = this.#issuerFor(old.issuer, true);
    if ('status' in issuer) return issuer;
    const atMs = this.#nowMs();
    const lifetimeMs = Math.min(old.expiresMs - old.createdMs, issuer.maxLifetime);
    const { subject, tags, grant } = old;
    const expires = body.expires ?? new Date(atMs + lifetimeMs).toISOString();
    const made = await this.#make(issuer, { ...grant, subject, tags, expires, id: body.id }, request.admin);
    if ('status' in made) return made;
    const endsMs = Math.min(atMs + body.graceMs, old.expiresMs);
    const change: KeyChange = { kind: 'rotate', atMs, endsMs, successor: made.record };
    const changed = await this.#change(request, jti, change);
    if ('status' in changed) return changed;
    // The new key is shown whatever the deny set does: it is on record, and shown but once.
    await this.#house.deny.enforcer.enforce(changed[0]!);
    const [replaced, record] = changed.map(key => shownKey(key, this.#nowMs()));
    return { status: 201, body: { key: made.key, record, replaced } };
  }

  async touch(request: AdminRequest): Promise<AdminAnswer> {
    const labels = readTouch(request.body);
    if (typeof labels === 'string') return refusal(400, 'bad_request', labels);
    const change: KeyChange = { kind: 'touch', atMs: this.#nowMs(), ...labels };
    const changed = await this.#change(request, request.params.jti!, change);
    return 'status' in changed ? changed : this.#shown(changed[0]!);
  }

  async #switch(request: AdminRequest, change: KeyChange): Promise<AdminAnswer> {
    const changed = await this.#change(request, request.params.jti!, change);
    if ('status' in changed) return changed;
    const problem = await this.#house.deny!.enforcer.enforce(changed[0]!);
    return problem === null ? this.#shown(changed[0]!) : notYet(problem);
  }

  /** @param orAny another one that mints may stand in. */
  #issuerFor(id: string | null, orAny: boolean): IssuerSettings | AdminAnswer {
    const minting = this.#house.auth.issuers.filter(({ secretKey }) => secretKey !== undefined);
    const [first] = minting;
    if (first === undefined) return refusal(409, 'no_secret_key', NO_ISSUER);
    if (id === null) return first;
    const named = minting.find(issuer => issuerIdOf(issuer) === id);
    if (named !== undefined || orAny) return named ?? first;
    return refusal(409, 'no_secret_key', `no issuer ${id} with a secretKey is in the config: GET /issuers`);
  }

  async #make(
    issuer: IssuerSettings,
    claims: object,
    admin: string,
  ): Promise<{ readonly key: string; readonly record: NewKey } | AdminAnswer> {
    const { auth } = this.#house;
    const made = await makeKey(issuer, auth, claims, this.#nowMs());
    if ('status' in made) return made;
    const { subject: _s, id: _i, expires: _e, notBefore: _n, tags: _t, ...grant } = claims as NewKey['grant'];
    const { said, key } = made;
    const record = {
      jti: said.keyId,
      name: null,
      notes: null,
      subject: said.subject,
      grant,
      tags: said.tags,
      issuer: said.issuer,
      createdBy: admin,
      createdMs: said.issuedMs,
      notBeforeMs: said.notBeforeMs,
      expiresMs: said.expiresMs,
    };
    return { key, record };
  }

  async #change(
    request: AdminRequest,
    jti: string,
    change: KeyChange,
  ): Promise<readonly KeyRecord[] | AdminAnswer> {
    const result = await this.#house.register.changeKey(jti, change, this.#draft(request, change));
    if (!result.ok) return away(result);
    const changed = result.value;
    return changed.ok ? changed.records : refused(changed.refused, changed.record);
  }

  #draft({ admin, role, method, path, requestId }: AdminRequest, { kind }: KeyChange): AuditDraft {
    return {
      time: new Date(this.#nowMs()).toISOString(),
      admin,
      role,
      action: `${method} ${path}`,
      requestId,
      outcome: 'done',
      details: { change: kind },
    };
  }

  #shown(record: KeyRecord): AdminAnswer {
    return { status: 200, body: shownKey(record, this.#nowMs()) };
  }

  #nowMs(): number {
    return this.#house.clock.wallMs();
  }
}

const UNKNOWN = refusal(
  404,
  'not_found',
  'no such key is on record: GET /keys, or weir key list, shows those that are',
);

function refused(why: KeyRefusal, record: KeyRecord | null): AdminAnswer {
  const by = record?.replacedBy ?? null;
  const messages: Readonly<Record<Exclude<KeyRefusal, 'unknown'>, string>> = {
    taken: 'a key with this id is on record already: leave the id out, or choose another',
    replaced: `this key was replaced by ${by} already: rotate that one`,
    disabled: 'this key is disabled: enable it first, or create another',
    ended: `this key has ended: ${by} took its place`,
    expired: 'this key has expired: create another',
  };
  return why === 'unknown' ? UNKNOWN : refusal(409, why, messages[why]);
}

function away({
  problem,
  mayBeDone = false,
}: {
  readonly problem: string;
  readonly mayBeDone?: boolean;
}): AdminAnswer {
  const said = mayBeDone
    ? 'the store was told to do it and did not answer: look at the record before you do it again'
    : 'the store did not do it, so nothing was changed';
  return refusal(503, 'store_unavailable', `${said}: ${problem}`);
}

/** The record stands, and the deny set will follow it. */
function notYet(problem: AdminAnswer): AdminAnswer {
  const { error } = problem.body as { readonly error: { readonly code: string; readonly message: string } };
  const message = `the record is changed, the deny set is not yet; it is tried again every few seconds: ${error.message}`;
  return refusal(problem.status, error.code, message);
}
