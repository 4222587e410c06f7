import type { AdminAnswer, AdminRequest, AdminRoute, House, Installed } from '../../pipeline/index.ts';
import type { Register } from '../../store/index.ts';
import type { AuthSettings } from '../auth-settings.ts';
import { denySwitchOf } from '../deny/deny-feature.ts';
import { withId } from '../issuer-routes.ts';
import { KeyEnforcer } from './key-enforcer.ts';
import { refusal } from './key-maker.ts';
import { KeyRecords } from './key-records.ts';

export interface KeyRecordsParts {
  readonly auth: AuthSettings;
  /** Null where there is no store. */
  readonly register: Register | null;
  /** What the `deny` section brought, null without one. */
  readonly deny: Installed | null;
}

type Call = (records: KeyRecords, request: AdminRequest) => Promise<AdminAnswer>;

const NO_STORE =
  'keys are put on record in the store, and this gateway has none: set usage.store, such as sqlite:./data/weir.db';

/** Keys on record: the calls that change them, and what keeps the deny set to them. Where it can be, it is kept to them when this resolves. */
export async function openKeyRecords(
  { auth, register, deny }: KeyRecordsParts,
  house: House,
): Promise<Installed> {
  if (register === null) return { routes: routesOf(null) };
  const { clock } = house;
  const denySwitch = denySwitchOf(deny);
  const enforcer =
    denySwitch === null
      ? null
      : new KeyEnforcer({ register, deny: denySwitch, clock, warn: warning => house.warn(warning) });
  const both = denySwitch === null || enforcer === null ? null : { switch: denySwitch, enforcer };
  // Without an issuer nobody has a key to use.
  if (auth.issuers.length > 0) await enforcer?.begun();
  return {
    closesAtOnce: true,
    routes: routesOf(new KeyRecords({ clock, auth, register, deny: both })),
    degraded: () => enforcer?.degraded() ?? [],
    close: async () => enforcer?.close(),
  };
}

function routesOf(records: KeyRecords | null): readonly AdminRoute[] {
  const run =
    (call: Call) =>
    async (request: AdminRequest): Promise<AdminAnswer> =>
      records === null ? refusal(409, 'no_store', NO_STORE) : call(records, request);
  const on = (
    action: string,
    role: AdminRoute['role'],
    summary: string,
    call: Call,
  ): Omit<AdminRoute, 'complete'> => {
    const path = `/keys/:jti/${action}`;
    return { method: 'POST', path, role, summary, audits: true, run: run(call) };
  };
  return [
    {
      method: 'GET',
      path: '/keys',
      role: 'viewer',
      summary: 'the keys on record; ?subject, state, limit, after',
      run: run((all, request) => all.list(request)),
    },
    {
      method: 'POST',
      path: '/keys',
      role: 'admin',
      summary: 'mint a virtual key and put it on record; the key is shown this once',
      audits: true,
      complete: withId,
      run: run((all, request) => all.create(request)),
    },
    {
      method: 'GET',
      path: '/keys/:jti',
      role: 'viewer',
      summary: 'one key on record',
      run: run((all, request) => all.show(request)),
    },
    on('disable', 'operator', 'refuse a key on record from now on', (all, request) => all.disable(request)),
    on('enable', 'operator', 'accept it again', (all, request) => all.enable(request)),
    {
      ...on('rotate', 'admin', 'mint its successor; after the grace it ends itself', (all, request) =>
        all.rotate(request),
      ),
      complete: body => withId(body ?? {}),
    },
    on('touch', 'operator', 'say that it is still wanted; change its name and notes', (all, request) =>
      all.touch(request),
    ),
  ];
}
