import { join } from 'node:path';
import t from 'tap';
import type { AuthSettings } from '../../../lib/keys/auth-settings.ts';
import type { DenySwitch } from '../../../lib/keys/deny/deny-switch.ts';
import { KeyEnforcer } from '../../../lib/keys/records/key-enforcer.ts';
import { KeyRecords } from '../../../lib/keys/records/key-records.ts';
import type { AdminRequest } from '../../../lib/pipeline/index.ts';
import { openLedger } from '../../../lib/store/index.ts';
import { must } from '../../store/must.ts';
import { AT_MS, draftOf, newKey } from '../../store/register-sample.ts';

/** A deny set that answers as late as a bus does. */
class SlowSwitch implements Pick<DenySwitch, 'fileWith' | 'isDeniedFor' | 'deny' | 'allow'> {
  readonly denied = new Map<string, string>();
  /** Nothing is allowed before. */
  gate: Promise<void> = Promise.resolve();

  fileWith(): null {
    return null;
  }

  isDeniedFor(jti: string, reasons: readonly string[]): boolean {
    return reasons.includes(this.denied.get(jti) ?? '');
  }

  async deny(jti: string, reason: string): Promise<null> {
    await turns();
    this.denied.set(jti, reason);
    return null;
  }

  async allow(jti: string): Promise<null> {
    await this.gate;
    await turns();
    await turns();
    this.denied.delete(jti);
    return null;
  }
}

function turns(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

t.test('of two calls in the same moment the deny set follows the one that the record does', async t => {
  const { register, ...ledger } = openAt(join(t.testdir(), 'weir.db'));
  t.teardown(() => ledger.close());
  const slow = new SlowSwitch();
  const deny = slow as unknown as DenySwitch;
  const clock = { wallMs: () => AT_MS, monotonicMs: () => 0 };
  const enforcer = new KeyEnforcer({ register, deny, clock, warn: () => {} });
  t.teardown(() => enforcer.close());
  await enforcer.begun();
  const auth = { issuers: [] } as unknown as AuthSettings;
  const records = new KeyRecords({ clock, auth, register, deny: { switch: deny, enforcer } });
  await must(register.changeKey('k', { kind: 'create', key: newKey('k') }, draftOf()));
  const call = (action: 'enable' | 'disable') =>
    records[action]({
      params: { jti: 'k' },
      query: new URLSearchParams(),
      body: undefined,
      admin: 'ann',
      role: 'admin',
      method: 'POST',
      path: `/keys/k/${action}`,
      requestId: 'r-1',
    } satisfies AdminRequest);
  await call('disable');
  t.ok(slow.denied.has('k'));
  const gate = Promise.withResolvers<void>();
  slow.gate = gate.promise;
  const both = Promise.all([call('enable'), call('disable')]);
  while ((await must(register.audit({ limit: 10 }))).entries.length < 4);
  for (let i = 0; i < 5; i++) await turns();
  gate.resolve();
  const [enabled, disabled] = await both;
  t.strictSame([enabled.status, disabled.status], [200, 200]);
  t.ok((await must(register.key('k')))?.disabledMs);
  t.ok(slow.denied.has('k'), 'it is disabled, so it is denied');
  slow.denied.set('k', 'somebody else said so');
  await call('enable');
  t.notOk(slow.denied.has('k'), 'to enable is to accept it again, whoever denied it');
});

function openAt(file: string) {
  const ledger = openLedger(`sqlite:${file}`);
  return { register: ledger.register, close: () => ledger.close() };
}
