import type { IncomingMessage, ServerResponse } from 'node:http';
import t from 'tap';
import { BadCredentialBudget, Secret } from '../../lib/base/index.ts';
import { Refusal } from '../../lib/errors/index.ts';
import { BadCredentials } from '../../lib/keys/bad-credentials.ts';
import { IdentifyStage } from '../../lib/keys/identify.ts';
import { type StaticKeySettings, StaticKeys } from '../../lib/keys/static-keys.ts';
import { NoVirtualKeys } from '../../lib/keys/virtual-keys.ts';
import { Exchange } from '../../lib/pipeline/index.ts';
import { parseTarget } from '../../lib/wire/index.ts';
import { HeldClock } from '../base/held-clock.ts';
import { compiled } from '../providers/compiled.ts';

const KEYS: readonly StaticKeySettings[] = [
  { id: 'team', key: new Secret('team-key') },
  { id: 'other', key: new Secret('other-key') },
  { id: 'old', key: new Secret('old-key'), expires: '2020-01-01T00:00:00Z' },
];
const { providers } = compiled({ openai: {} });

/** Counts how often a digest is made. */
class CountedKeys extends StaticKeys {
  looks = 0;

  override find(value: string) {
    this.looks++;
    return super.find(value);
  }
}

function lab({ byo = false } = {}) {
  const clock = new HeldClock();
  const staticKeys = new CountedKeys(KEYS, clock);
  const stage = new IdentifyStage({
    byo,
    open: false,
    staticKeys,
    virtualKeys: new NoVirtualKeys(['weir_']),
    badCredentials: new BadCredentials(new BadCredentialBudget(5, clock)),
    installationSecret: new Secret('of a test'),
  });
  const ask = async (...rawHeaders: string[]) => {
    staticKeys.looks = 0;
    const target = parseTarget('/openai/v1/models');
    if (!('segments' in target)) throw new Error('bad target');
    const req = { method: 'GET', rawHeaders, headers: {} } as Partial<IncomingMessage> as IncomingMessage;
    const exchange = new Exchange(req, {} as ServerResponse, 'i:b:1', 'r', 0, 0);
    exchange.target = target;
    exchange.provider = providers.get('openai')!;
    exchange.address = '192.0.2.1';
    const result = await stage.run(exchange);
    return {
      result: result instanceof Refusal ? result.code : exchange.principal?.keyId,
      looks: staticKeys.looks,
    };
  };
  return ask;
}

t.test('a credential is compared with the static keys once', async t => {
  const ask = lab();
  t.strictSame(await ask('Authorization', 'Bearer team-key'), { result: 'team', looks: 1 });
  t.strictSame(await ask('Authorization', 'Bearer old-key'), { result: 'invalid_key', looks: 1 });
  t.strictSame(await ask('Authorization', 'Bearer team-key', 'x-api-key', 'team-key'), {
    result: 'team',
    looks: 1,
  });
  t.strictSame(await ask('Authorization', 'Bearer weir_forged'), { result: 'invalid_key', looks: 1 });
});

t.test('one key of ours wins wherever it stands, two are ambiguous', async t => {
  const ask = lab({ byo: true });
  t.equal((await ask('Authorization', 'Bearer sk-own', 'x-api-key', 'team-key')).result, 'team');
  t.equal((await ask('Authorization', 'Bearer team-key', 'x-api-key', 'sk-own')).result, 'team');
  const two = [
    ['team-key', 'other-key'],
    ['team-key', 'old-key'],
    ['team-key', 'weir_forged'],
    ['weir_forged', 'team-key'],
  ];
  for (const [first, second] of two) {
    const { result } = await ask('Authorization', `Bearer ${first}`, 'x-api-key', second!);
    t.equal(result, 'ambiguous_credentials', `${first} and ${second}`);
  }
  t.match((await ask('Authorization', 'Bearer sk-own')).result, /^byo:[0-9a-f]{16}$/);
});
