import { resolve } from 'node:path';
import t from 'tap';
import { SettingsLoader } from '../../../lib/gateway/index.ts';
import { newIssuer } from '../../../lib/keys/token/mint.ts';
import type { UsageSettings } from '../../../lib/usage/index.ts';

const SECRET = 'env:HOOK';
const ENV = { HOOK: 'a secret of many bytes', SHORT: 'short', KEY: newIssuer().secretKey, ID: 'AKID' };

const SUMMARY = { name: 'weekly', every: 'week', url: 'https://example.com/x', secret: SECRET };
const S3 = {
  endpoint: 'https://s3.example.com',
  region: 'eu-west-1',
  bucket: 'usage',
  accessKeyId: 'env:ID',
  secretAccessKey: SECRET,
};

/** Problems of a section, as `path: message`. */
function problemsOf(usage: object, rest: object = {}): readonly string[] {
  const loaded = new SettingsLoader(ENV).load({ object: { providers: { demo: {} }, usage, ...rest } });
  return loaded.ok ? [] : loaded.problems.map(({ path, message }) => `${path}: ${message}`);
}

t.test('summaries and an archive, with their defaults', async t => {
  const usage = { summaries: [SUMMARY], archive: { s3: S3, sign: 'env:KEY' } };
  const loaded = new SettingsLoader(ENV).load({ object: { providers: { demo: {} }, usage } });
  t.ok(loaded.ok);
  if (!loaded.ok) return;
  const { summaries, archive, graceMs } = loaded.settings.usage as UsageSettings;
  t.strictSame(summaries[0]!.by, ['subject', 'model']);
  t.equal(graceMs, 7_200_000);
  t.hasStrict(archive, { every: 'month', format: 'parquet', folder: resolve('data/archive') });
  t.hasStrict(archive!.s3, { prefix: 'weir/', pathStyle: false });
  t.notMatch(JSON.stringify(loaded.settings), ENV.HOOK);
});

t.test('what is wrong with summaries and an archive is said where it is', async t => {
  for (const [usage, path, words, rest] of [
    [{ summaries: [{ ...SUMMARY, every: 'day' }] }, 'usage.summaries[0].every', 'week'],
    [{ summaries: [{ ...SUMMARY, name: 'a.b' }] }, 'usage.summaries[0].name', ''],
    [{ summaries: [{ ...SUMMARY, url: 'ftp://x' }] }, 'usage.summaries[0].url', 'https://'],
    [{ summaries: [{ ...SUMMARY, url: 'https://[::/x' }] }, 'usage.summaries[0].url', 'https://'],
    [{ summaries: [{ ...SUMMARY, by: ['colour'] }] }, 'usage.summaries[0].by[0]', 'subject'],
    [{ summaries: [{ ...SUMMARY, secret: 'literal' }] }, 'usage.summaries[0].secret', 'env:'],
    [{ summaries: [{ ...SUMMARY, secret: 'env:SHORT' }] }, 'usage.summaries[0].secret', '16 bytes'],
    [{ summaries: [SUMMARY, SUMMARY] }, 'usage.summaries[1].name', 'twice'],
    [{ summaries: [SUMMARY], store: 'none' }, 'usage.summaries', 'usage.store'],
    [{ summaries: [SUMMARY], graceMs: '5m' }, 'usage.graceMs', 'totalMs'],
    [{ summaries: [SUMMARY] }, 'usage.graceMs', 'totalMs', { timeouts: { totalMs: '3h' } }],
    [{ archive: { s3: S3 }, store: 'none' }, 'usage.archive', 'usage.store'],
    [
      { archive: { s3: { ...S3, endpoint: 'https://x/path' } } },
      'usage.archive.s3.endpoint',
      'without a path',
    ],
    [{ archive: { s3: { ...S3, endpoint: 'https://x:99999' } } }, 'usage.archive.s3.endpoint', 'an address'],
    [{ archive: { s3: { ...S3, prefix: '../' } } }, 'usage.archive.s3.prefix', 'folders'],
    [{ archive: { s3: { ...S3, bucket: 'a.b.c' } } }, 'usage.archive.s3.bucket', 'pathStyle'],
    [{ archive: { s3: S3, sign: 'env:HOOK' } }, 'usage.archive.sign', 'k4.secret'],
    [{ archive: {} }, 'usage.archive', 's3'],
  ] as const) {
    const problems = problemsOf(usage, rest);
    t.equal(problems.length, 1, problems.join('; '));
    const [problem = ''] = problems;
    t.ok(problem.startsWith(path), `${problem} is at ${path}`);
    t.ok(problem.includes(words), problem);
    t.notOk(problem.includes(ENV.HOOK));
  }
  t.strictSame(problemsOf({ graceMs: '5m' }), [], 'without either it may be any');
  t.strictSame(problemsOf({ archive: { s3: { ...S3, bucket: 'a.b.c', pathStyle: true } } }), []);
});
