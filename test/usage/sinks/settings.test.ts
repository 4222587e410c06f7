import t from 'tap';
import { SettingsLoader } from '../../../lib/gateway/index.ts';
import type { UsageSettings } from '../../../lib/usage/index.ts';

const HOOK = { name: 'audit', url: 'https://receiver.example/facts', secret: 'env:HOOK' };
const env = {
  HOOK: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  SHORT: 'short',
  BAD: 'whsec_not base64 at all, I say',
};

function load(usage: object) {
  return new SettingsLoader(env).load({ object: { providers: { demo: {} }, usage } });
}

/** `path: message` of each problem. */
function problems(usage: object): readonly string[] {
  const loaded = load(usage);
  return loaded.ok ? [] : loaded.problems.map(({ path, message }) => `${path}: ${message}`);
}

t.test('what is left out has a default', async t => {
  const loaded = load({ sinks: { nats: { servers: ['nats://127.0.0.1:4222'] }, webhooks: [HOOK] } });
  if (!loaded.ok) throw new Error(loaded.problems[0]!.message);
  const { sinks, keepFor, keepBytes } = loaded.settings.usage as UsageSettings;
  t.match(sinks, {
    nats: { stream: 'weir-facts', subject: 'weir.facts' },
    webhooks: [{ name: 'audit', batch: 500, timeoutMs: 20_000 }],
  });
  t.strictSame([keepFor, keepBytes], [undefined, undefined], 'nothing is removed');
  t.equal(String(sinks!.webhooks[0]!.secret), '[redacted]');
});

t.test('what cannot be is refused, and says why', async t => {
  const one = (usage: object): string => {
    const found = problems(usage);
    t.equal(found.length, 1, JSON.stringify(found));
    return found[0] ?? '';
  };
  const hook = (members: object): string => one({ sinks: { webhooks: [{ ...HOOK, ...members }] } });
  t.match(one({ journal: 'none', sinks: { webhooks: [HOOK] } }), /^usage\.sinks: sinks read the journal/);
  t.match(one({ journal: 'none', keepFor: '30d' }), /^usage\.keepFor: there is no journal to keep/);
  t.match(one({ keepFor: '5m' }), /keepFor/);
  t.match(one({ keepBytes: '1MiB' }), /keepBytes/);
  t.match(one({ sinks: { webhooks: [HOOK, HOOK] } }), /webhooks\[1\]\.name: this name is used twice/);
  t.match(hook({ name: 'Audit/1' }), /lower-case letters, digits and hyphens/);
  t.match(hook({ url: 'https://me:secret@receiver.example/' }), /without a user in it/);
  t.match(hook({ url: 'receiver.example' }), /an address such as/);
  t.match(hook({ url: 'https://[::/x' }), /an address such as/);
  t.match(hook({ secret: 'a literal' }), /secret/);
  t.match(hook({ secret: 'env:SHORT' }), /at least 16 bytes/);
  t.notMatch(hook({ secret: 'env:BAD' }), /I say/);
  t.match(one({ sinks: { nats: { servers: ['nats://x'], user: 'a' } } }), /a user needs a password/);
  t.match(one({ sinks: { nats: { servers: ['nats://x'], subject: 'a.*' } } }), /words of letters/);
  t.match(one({ sinks: { nats: { servers: ['nats://x'], bucket: 'a' } } }), /bucket/);
});
