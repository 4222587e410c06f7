import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeyFault } from '../../lib/keys/token/key-fault.ts';
import type { VerifiedKey } from '../../lib/keys/token/key-verifier.ts';
import { mintKey, newIssuer } from '../../lib/keys/token/mint.ts';
import { root } from '../house/tree.ts';
import { DAY_MS, HeldClock, verifierOf } from '../keys/token/signer.ts';
import { type RunOptions, runMain } from './run-main.ts';

const issuer = newIssuer();
const env = { WEIR_ISSUER: issuer.secretKey };

function mint(flags: readonly string[], options: RunOptions = { env }) {
  return runMain(['key', 'mint', ...flags], options);
}

/** What a gateway makes of a key now. */
async function verified(key: string, prefixes = ['weir_']): Promise<VerifiedKey> {
  const clock = new HeldClock();
  clock.nowMs = Date.now();
  const verdict = await verifierOf([issuer], { clock, prefixes, audience: null }).verify(key);
  if (verdict instanceof KeyFault) throw new Error(`${verdict.kind}: ${verdict.detail}`);
  return verdict;
}

t.test('mint prints the key and nothing else', async t => {
  const { status, stdout, stderr } = await mint(['--subject', 'alice']);
  t.equal(status, 0);
  t.equal(stderr, '');
  t.match(stdout, /^weir_v4\.public\.[\w.-]+\n$/);
  const key = await verified(stdout.trim());
  t.equal(key.subject, 'alice');
  t.equal(key.expiresMs - key.issuedMs, 30 * DAY_MS);
  t.strictSame(key.grant, {});
});

t.test('on a terminal its id stands beside it, not in it', async t => {
  const { stdout, stderr } = await mint(['--subject', 'alice', '--id', 'key-7'], { env, isTty: true });
  t.match(stdout, /^weir_v4\.public\.[\w.-]+\n$/);
  t.match(stderr, /key-7/);
});

t.test('every flag reaches the key', async t => {
  const flags = [
    '--subject',
    'ci',
    '--expires',
    '12h',
    '--not-before',
    '1m',
    '--id',
    'key-1',
    '--iss',
    'ops',
  ];
  flags.push('--provider', 'openai', '--provider', 'lab', '--model', 'gpt-*', '--operation', 'chat');
  flags.push('--operation', 'files', '--ip', '10.0.0.0/8', '--ip', '::1', '--rpm', '600', '--tpm', '100000');
  flags.push('--concurrency', '8', '--body-bytes', '1MiB', '--tag', 'team=search', '--tag', 'note=a=b');
  flags.push('--prefix', 'sk-weir-', '--json');
  const { stdout } = await mint(flags);
  const report = JSON.parse(stdout) as { key: string; id: string; expires: string; state: string };
  t.equal(report.id, 'key-1');
  t.equal(report.state, 'notYetValid');
  t.ok(report.key.startsWith('sk-weir-v4.public.'));
  const seen = await runMain(['key', 'inspect', report.key, '--json']);
  const { grant, tags, iss, issued, expires, notBefore, signature } = JSON.parse(seen.stdout) as Record<
    string,
    string
  >;
  t.strictSame(grant, {
    providers: ['openai', 'lab'],
    models: ['gpt-*'],
    operations: ['chat', 'files'],
    rpm: 600,
    tpm: 100_000,
    concurrency: 8,
    ips: ['10.0.0.0/8', '::1'],
    bodyBytes: 1_048_576,
  });
  t.strictSame(tags, { team: 'search', note: 'a=b' });
  t.equal(iss, 'ops');
  t.equal(expires, report.expires);
  t.equal(Date.parse(expires!) - Date.parse(issued!), DAY_MS / 2);
  t.equal(Date.parse(notBefore!) - Date.parse(issued!), 60_000);
  t.equal(signature, 'unchecked');
});

t.test('an end as a time, and a longer life where it is asked for', async t => {
  const expires = new Date(Date.now() + 10 * DAY_MS).toISOString();
  const exact = await verified((await mint(['--subject', 'a', '--expires', expires])).stdout.trim());
  t.equal(new Date(exact.expiresMs).toISOString(), expires);
  const long = await mint(['--subject', 'a', '--expires', '365d']);
  t.equal(long.status, 2);
  t.match(long.stderr, /^error: --expires is more than 90 days after/);
  t.equal((await mint(['--subject', 'a', '--expires', '365d', '--max-lifetime', '365d'])).status, 0);
});

t.test('the issuer from a file, by flag or by variable', async t => {
  const folder = t.testdir({});
  const file = join(folder, 'issuer.key');
  writeFileSync(file, `${issuer.secretKey}\n`, { mode: 0o600 });
  for (const [flags, variables] of [
    [['--issuer', file], {}],
    [['--issuer', file], { WEIR_ISSUER: newIssuer().secretKey }],
    [[], { WEIR_ISSUER: `file:${file}` }],
  ] as const) {
    const { status, stdout, stderr } = await mint(['--subject', 'a', ...flags], { env: variables });
    t.equal(status, 0, stderr);
    t.equal(stderr, '');
    t.equal((await verified(stdout.trim())).issuer, issuer.id);
  }
  const open = join(folder, 'open.key');
  writeFileSync(open, issuer.secretKey, { mode: 0o644 });
  const { status, stderr } = await mint(['--subject', 'a', '--issuer', open]);
  t.equal(status, 0);
  t.match(stderr, /^warning: other users can read .*open\.key: chmod 600 it\n$/);
});

t.test('what is wrong with an issuer is said, the secret is not', async t => {
  const folder = t.testdir({
    'public.key': `${issuer.publicKey}\n`,
    'torn.key': issuer.secretKey.slice(0, -4),
  });
  const cases: [readonly string[], Record<string, string>, RegExp][] = [
    [[], {}, /^error: there is no issuer to sign with: .*weir issuer new/],
    [[], { WEIR_ISSUER: '' }, /no issuer to sign with/],
    [[], { WEIR_ISSUER: issuer.publicKey }, /WEIR_ISSUER is neither file:PATH nor k4\.secret/],
    [[], { WEIR_ISSUER: issuer.secretKey.slice(0, -4) }, /the secret key is not in the form/],
    [['--issuer', issuer.secretKey], {}, /--issuer takes a file/],
    [['--issuer', join(folder, 'no.key')], {}, /no\.key does not exist: .*weir issuer new/],
    [['--issuer', folder], {}, /cannot be read \(EISDIR\)/],
    [['--issuer', join(folder, 'public.key')], {}, /public\.key holds no k4\.secret/],
    [['--issuer', join(folder, 'torn.key')], {}, /the secret key is not in the form/],
  ];
  for (const [flags, variables, message] of cases) {
    const { status, stdout, stderr } = await mint(['--subject', 'a', ...flags], { env: variables });
    t.equal(status, 2, message.source);
    t.equal(stdout, '');
    t.match(stderr, message);
    t.notOk(stderr.includes(issuer.secretKey.slice(20, 50)), 'no part of the secret');
  }
});

t.test('a flag that makes no sense is exit 2 and named', async t => {
  const cases: [readonly string[], RegExp][] = [
    [['--expires', '30'], /^error: --expires is not a span such as 30d/],
    [['--expires', '2001-01-01T00:00:00Z'], /^error: --expires is not after/],
    [['--not-before', 'soon'], /^error: --not-before is not a span/],
    [['--not-before', '31d'], /^error: --expires is not after the time at which the key begins/],
    [['--max-lifetime', 'long'], /^error: --max-lifetime is not a span/],
    [['--provider', 'OpenAI'], /^error: --provider may only hold names/],
    [['--operation', 'chatting'], /^error: --operation may only hold chat, /],
    [['--ip', 'localhost'], /^error: --ip may only hold addresses/],
    [['--rpm', '0'], /^error: --rpm is not a whole number/],
    [['--tpm', '1e3'], /^error: --tpm is not a whole number/],
    [['--concurrency', '-1'], /^error: --concurrency is not a whole number/],
    [['--body-bytes', '1 mb'], /^error: --body-bytes is not a size/],
    [['--body-bytes', '0'], /^error: --body-bytes is not a whole number/],
    [['--tag', 'team'], /^error: --tag 'team' is not name=value/],
    [['--tag', 'a=1', '--tag', 'a=2'], /^error: --tag a is given twice/],
    [['--tag', 'a b=1'], /^error: --tag has a name/],
    [['--id', 'a\nb'], /^error: --id is not a text/],
    [['--prefix', 'sk'], /^error: --prefix is not 3 to 32/],
    [['--budget', '5'], /^error: --budget '5' is not one of pairs such as usd=25 per=month/],
    [['--budget', 'usd=5'], /^error: --budget.per is not one of hour, day, week, month, lifetime/],
    [['--budget', 'usd=5,usd=6,per=day'], /^error: --budget 'usd=6' is not one of/],
    [['--budget', 'usd=0.0000000001,per=day'], /^error: --budget.usd is no amount of USD/],
    [['--budget', 'requests=-1,per=day'], /^error: --budget.requests is not a whole number/],
  ];
  for (const [flags, message] of cases) {
    const { status, stdout, stderr } = await mint(['--subject', 'a', ...flags]);
    t.equal(status, 2, flags.join(' '));
    t.equal(stdout, '');
    t.match(stderr, message);
  }
  const bare = await mint([]);
  t.equal(bare.status, 2);
  t.match(bare.stderr, /--subject/);
});

function keyFrom(issuedMs: number, lifeMs: number): string {
  const claims = { subject: 'alice', id: 'key-1', expires: new Date(issuedMs + lifeMs), rpm: 1200 };
  return mintKey(
    issuer.secretKey,
    { ...claims, operations: [], tags: { team: 'search' } },
    { now: new Date(issuedMs) },
  );
}

t.test('inspect says what a key says, and never the key', async t => {
  const key = keyFrom(Date.now() - DAY_MS, 30 * DAY_MS);
  const { status, stdout } = await runMain(['key', 'inspect', key]);
  t.equal(status, 0);
  t.match(stdout, /^A key of alice, in force\n/);
  t.match(stdout, /id +key-1\n/);
  t.match(stdout, /issued .*\(1 day ago\)\n/);
  t.match(stdout, /expires .*\(in 29 days\)\n/);
  t.match(stdout, new RegExp(`issuer +${issuer.id.replaceAll('.', '\\.')}\\n`));
  t.match(stdout, /signature +unchecked\n/);
  t.match(stdout, /tags +team=search\n/);
  t.match(stdout, /providers +all\n/);
  t.match(stdout, /operations +none\n/);
  t.match(stdout, /requests a minute +1,200\n/);
  t.notOk(stdout.includes(key.slice(20, 60)));
  const json = await runMain(['key', 'inspect', key, '--json']);
  t.notOk(json.stdout.includes(key.slice(20, 60)));
});

t.test('a key that is over, or has not begun, is exit 1', async t => {
  const over = await runMain(['key', 'inspect', keyFrom(Date.now() - 3 * DAY_MS, DAY_MS)]);
  t.equal(over.status, 1);
  t.match(over.stdout, /^A key of alice, expired\n/);
  t.match(over.stdout, /expired .*\(2 days ago\)/);
  const early = await runMain(['key', 'inspect', keyFrom(Date.now() + DAY_MS / 2, DAY_MS), '--json']);
  t.equal(early.status, 1);
  t.hasStrict(JSON.parse(early.stdout), { state: 'notYetValid' });
});

t.test('whether an issuer signed it', async t => {
  const key = keyFrom(Date.now(), DAY_MS);
  const good = await runMain(['key', 'inspect', key, '--public-key', issuer.publicKey, '--json']);
  t.equal(good.status, 0);
  t.hasStrict(JSON.parse(good.stdout), { signature: 'good', state: 'inForce' });

  const other = await runMain(['key', 'inspect', key, '--public-key', newIssuer().publicKey]);
  t.equal(other.status, 1);
  t.match(other.stderr, /is signed by k4\.pid\..*, and the public key is k4\.pid\./);

  const [version, purpose, body, footer] = key.split('.') as [string, string, string, string];
  const changed = `${version}.${purpose}.${body.slice(0, 12)}${body[12] === 'A' ? 'B' : 'A'}${body.slice(13)}.${footer}`;
  const forged = await runMain(['key', 'inspect', changed, '--public-key', issuer.publicKey]);
  t.equal(forged.status, 1);
  t.equal(forged.stdout, '', 'nothing of it is shown');
  t.match(forged.stderr, /not signed by the public key/);

  const noKey = await runMain(['key', 'inspect', key, '--public-key', issuer.id]);
  t.equal(noKey.status, 2);
  t.match(noKey.stderr, /^error: --public-key is not a public key in the form k4\.public/);
});

t.test('what is no key is exit 1', async t => {
  const long = `weir_v4.public.${'A'.repeat(5000)}`;
  for (const [value, message] of [
    ['sk-proj-1', /does not say v4\.public/],
    ['weir_v4.public.AAAA', /canonical base64url/],
    [long, /longer than 4096 characters/],
    [keyFrom(Date.now(), DAY_MS).replace('weir_', ''), /no prefix/],
  ] as const) {
    const { status, stdout, stderr } = await runMain(['key', 'inspect', value]);
    t.equal(status, 1);
    t.equal(stdout, '');
    t.match(stderr, message);
    const json = await runMain(['key', 'inspect', value, '--json']);
    t.equal(json.status, 1);
    t.hasStrict(JSON.parse(json.stdout), { state: 'malformed' });
  }
});

t.test('the key by WEIR_KEY or standard input', async t => {
  const key = keyFrom(Date.now(), DAY_MS);
  const byVariable = await runMain(['key', 'inspect'], { env: { WEIR_KEY: `${key}\n` } });
  t.equal(byVariable.status, 0);
  t.match(byVariable.stdout, /^A key of alice/);
  const none = await runMain(['key', 'inspect']);
  t.equal(none.status, 2);
  t.match(none.stderr, /^error: there is no key: .*standard input.*WEIR_KEY/);

  const binary = join(root, 'bin/weir.ts');
  const piped = spawnSync(process.execPath, [binary, 'key', 'inspect', '-'], {
    input: `${key}\n`,
    encoding: 'utf8',
  });
  t.equal(piped.status, 0, piped.stderr);
  t.match(piped.stdout, /^A key of alice, in force\n/);
});
