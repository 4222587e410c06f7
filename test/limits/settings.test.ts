import t from 'tap';
import { ConfigReader, type ConfigResult } from '../../lib/config/index.ts';
import { type LimitSettings, limitsProperties } from '../../lib/limits/index.ts';

const reader = new ConfigReader<LimitSettings>({
  type: 'object',
  additionalProperties: false,
  properties: limitsProperties,
});

const read = (text: string): ConfigResult<LimitSettings> =>
  reader.readText(text, { file: 'weir.yaml', baseDir: '/etc/weir', env: {} });

function settings(text: string): LimitSettings {
  const result = read(text);
  if (!result.ok)
    throw new Error(result.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  return result.settings;
}

t.test('nothing is limited unless it is said', async t => {
  t.strictSame(settings('{}'), { headers: false, sketch: { width: 65_536, depth: 4 } });
});

t.test('every member', async t => {
  const all = settings(`
    perKey: { rpm: 600, tpm: 100000, concurrency: 64 }
    perSubject: { rpm: 1200, tpm: 200000 }
    perAddress: { rpm: 6000 }
    global: { rpm: 100000 }
    headers: true
    sketch: { width: 1048576, depth: 8 }
    nats: { servers: ['nats://127.0.0.1:4222'] }
  `);
  t.hasStrict(all, { perKey: { concurrency: 64 }, sketch: { width: 1_048_576 }, headers: true });
  t.strictSame(all.nats, {
    servers: ['nats://127.0.0.1:4222'],
    bucket: 'weir-limits',
    subject: 'weir.limits',
  });
});

t.test('what cannot be is refused where it stands', async t => {
  const refused: readonly [string, string][] = [
    ['perKey: { rpm: 0 }', 'perKey.rpm'],
    ['perKey: { rpm: 1.5 }', 'perKey.rpm'],
    ['perKey: { tpm: 1000000001 }', 'perKey.tpm'],
    ['perAddress: { tpm: 5 }', 'perAddress.tpm'],
    ['global: { concurrency: 5 }', 'global.concurrency'],
    ['sketch: { width: 1000 }', 'sketch.width'],
    ['sketch: { width: 2097152 }', 'sketch.width'],
    ['sketch: { depth: 9 }', 'sketch.depth'],
    ['headers: yes please', 'headers'],
    ['nats: {}', 'nats'],
    ['nats: { servers: ["nats://a"], subject: "a..b" }', 'nats.subject'],
    ['nats: { servers: ["nats://a"], subject: "a.*" }', 'nats.subject'],
  ];
  for (const [text, path] of refused) {
    const result = read(text);
    t.notOk(result.ok, text);
    if (!result.ok) t.ok(result.problems[0]!.path.startsWith(path), `${text}: ${result.problems[0]!.path}`);
  }
});
