import t from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { type NatsSettings, natsFaults, natsSchema } from '../../lib/bus/index.ts';
import { ConfigReader } from '../../lib/config/index.ts';

const reader = new ConfigReader<{ nats?: NatsSettings }>(
  {
    type: 'object',
    additionalProperties: false,
    properties: { nats: natsSchema({ bucket: 'weir-deny' }) },
  },
  settings => (settings.nats === undefined ? [] : natsFaults(settings.nats, ['nats'])),
);

function read(nats: object) {
  const env = { PASSWORD: 'hunter2-hunter2', TOKEN: 'a token' };
  return reader.readObject({ nats }, { file: null, baseDir: '/', env });
}

t.test('servers are enough; the bucket has its default', async t => {
  const result = read({ servers: ['nats://127.0.0.1:4222', 'tls://nats.example.com', 'nats://[::1]:4222'] });
  t.equal(result.ok, true);
  if (result.ok) t.equal(result.settings.nats!.bucket, 'weir-deny');
});

t.test('secrets are read by reference', async t => {
  const result = read({ servers: ['nats://a'], user: 'weir', password: 'env:PASSWORD', bucket: 'other' });
  t.equal(result.ok, true);
  if (!result.ok) return;
  t.ok(result.settings.nats!.password instanceof Secret);
  t.equal(result.settings.nats!.password!.reveal(), 'hunter2-hunter2');
});

t.test(
  'an address with a password in it is refused, without repeating it, and told where it goes',
  async t => {
    const result = read({ servers: ['nats://weir:hunter2@10.0.0.1:4222'] });
    t.equal(result.ok, false);
    if (result.ok) return;
    t.equal(result.problems[0]!.path, 'nats.servers[0]');
    t.match(result.problems[0]!.message, 'these go into user and password');
    t.notMatch(JSON.stringify(result.problems), 'hunter2');
  },
);

t.test('what cannot work is refused', async t => {
  const cases: [object, string, string][] = [
    [{ servers: [] }, 'nats.servers', 'must not be empty'],
    [{ servers: ['http://a'] }, 'nats.servers[0]', 'expected nats://'],
    [{ servers: ['nats://a b'] }, 'nats.servers[0]', 'expected nats://'],
    [{ servers: ['nats://a/path'] }, 'nats.servers[0]', 'expected nats://'],
    [{ servers: ['nats://a:70000'] }, 'nats.servers[0]', 'a port is between 1 and 65535'],
    [{ servers: ['nats://a'], bucket: 'a.b' }, 'nats.bucket', 'expected a name'],
    [{ servers: ['nats://a'], password: 'hunter2' }, 'nats.password', 'does not stand in the config itself'],
    [{ servers: ['nats://a'], user: 'u' }, 'nats.user', 'a user needs a password'],
    [{ servers: ['nats://a'], password: 'env:PASSWORD' }, 'nats.password', 'a password needs a user'],
    [
      { servers: ['nats://a'], user: 'u', password: 'env:PASSWORD', token: 'env:TOKEN' },
      'nats.token',
      'there is user already',
    ],
    [{ servers: ['nats://a'], tls: { key: 'env:TOKEN' } }, 'nats.tls.key', 'a key needs its certificate'],
  ];
  for (const [nats, path, message] of cases) {
    const result = read(nats);
    t.equal(result.ok, false, JSON.stringify(nats));
    if (result.ok) continue;
    t.equal(result.problems[0]!.path, path);
    t.match(result.problems[0]!.message, message);
  }
});
