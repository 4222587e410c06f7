import fc from 'fast-check';
import t from 'tap';
import { KeyFault } from '../../../lib/keys/token/key-fault.ts';
import type { KeyVerifier, VerifiedKey } from '../../../lib/keys/token/key-verifier.ts';
import { b64, Signer, USUAL, verifierOf } from './signer.ts';

const signer = new Signer();
const key = signer.usual({ weir: { providers: ['openai'], rpm: 600 } });
const NO_BUDGET = { checksPerSecond: 1e9 };

/** The kind of refusal, or null where it was let in. The detail never tells the key. */
async function refusal(value: string, verifier: KeyVerifier<VerifiedKey>): Promise<string | null> {
  const verdict = await verifier.verify(value);
  if (!(verdict instanceof KeyFault)) return null;
  const start = value.indexOf('v4.public.') + 'v4.public.'.length;
  const secret = value.slice(start, start + 24);
  if (secret.length === 24 && verdict.detail.includes(secret)) return 'told the key';
  return verdict.kind;
}

const REFUSED = new Set(['malformed', 'unknownIssuer', 'badSignature']);

t.test('the key that is changed below is good', async t => {
  t.equal(await refusal(key, verifierOf([signer])), null);
});

t.test('every bit of its text', async t => {
  const verifier = verifierOf([signer], NO_BUDGET);
  const let_in: string[] = [];
  for (let at = 0; at < key.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = String.fromCharCode(key.charCodeAt(at) ^ (1 << bit));
      const kind = await refusal(key.slice(0, at) + changed + key.slice(at + 1), verifier);
      if (!REFUSED.has(kind ?? '')) let_in.push(`${at}/${bit}: ${kind}`);
    }
  }
  t.strictSame(let_in, []);
});

t.test('every bit of what it holds', async t => {
  const verifier = verifierOf([signer], NO_BUDGET);
  const { body, footer } = signer.parts(JSON.stringify(USUAL));
  const let_in: string[] = [];
  for (const part of [body, footer]) {
    for (let bit = 0; bit < part.length * 8; bit++) {
      part[bit >> 3]! ^= 1 << (bit & 7);
      const kind = await refusal(`weir_v4.public.${b64(body)}.${b64(footer)}`, verifier);
      part[bit >> 3]! ^= 1 << (bit & 7);
      if (!REFUSED.has(kind ?? '')) let_in.push(`${bit}: ${kind}`);
    }
  }
  t.strictSame(let_in, []);
});

t.test('every truncation, from either end', async t => {
  const verifier = verifierOf([signer], NO_BUDGET);
  for (let length = 0; length < key.length; length++) {
    if (!REFUSED.has((await refusal(key.slice(0, length), verifier)) ?? '')) t.fail(`first ${length}`);
    if (!REFUSED.has((await refusal(key.slice(length + 1), verifier)) ?? '')) t.fail(`without ${length}`);
  }
  t.pass();
});

t.test('every byte more, wherever it stands', async t => {
  const verifier = verifierOf([signer], NO_BUDGET);
  const dots = [...key].flatMap((character, at) => (character === '.' ? [at, at + 1] : []));
  for (const at of [0, 5, ...dots, key.length - 1, key.length]) {
    for (let byte = 0; byte < 256; byte++) {
      const longer = key.slice(0, at) + String.fromCharCode(byte) + key.slice(at);
      const kind = await refusal(longer, verifier);
      if (!REFUSED.has(kind ?? '')) t.fail(`${byte} at ${at}: ${kind}`);
    }
  }
  t.pass();
});

/** Spellings that a loose base64 reader takes for the same bytes. */
function respelled(segment: string): string[] {
  const spellings = ['=', '==', ' ', '\t', '\n', '!', '.'].map(more => segment + more);
  for (const inside of ['=', ' ', '\n', '!', '.'])
    spellings.push(`${segment.slice(0, 9)}${inside}${segment.slice(9)}`);
  if (/[-_]/.test(segment)) spellings.push(segment.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Buffer.from(segment, 'base64url');
  for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
    const spelling = segment.slice(0, -1) + last;
    if (spelling !== segment && Buffer.from(spelling, 'base64url').equals(bytes)) spellings.push(spelling);
  }
  return spellings;
}

t.test(
  'every other spelling of the same bytes is malformed, even where the key itself is remembered',
  async t => {
    const verifier = verifierOf([signer], NO_BUDGET);
    let ends = 0;
    // Three payloads whose lengths differ leave none, two and four bits of the last character unused.
    for (const sub of ['a', 'ab', 'abc']) {
      const good = signer.usual({ sub });
      t.equal(await refusal(good, verifier), null);
      const [version, purpose, body, footer] = good.split('.') as [string, string, string, string];
      for (const spelling of respelled(body))
        t.equal(await refusal(`${version}.${purpose}.${spelling}.${footer}`, verifier), 'malformed');
      for (const spelling of respelled(footer))
        t.equal(await refusal(`${version}.${purpose}.${body}.${spelling}`, verifier), 'malformed');
      ends += respelled(body).length;
      t.equal(await refusal(good, verifier), null, 'the key still stands');
    }
    t.ok(ends > 3 * 13 + 15, 'last characters were among them');
  },
);

t.test('the prefix counts, letter case and all', async t => {
  const verifier = verifierOf([signer], { prefixes: ['weir_', 'sk-weir-'] });
  const token = key.slice('weir_'.length);
  t.equal(await refusal(`sk-weir-${token}`, verifier), null, 'a further prefix');
  for (const prefix of [
    '',
    'Weir_',
    'WEIR_',
    'weir',
    'weir-',
    'weir_weir_',
    'sk-weir-weir_',
    'sk-',
    ' weir_',
  ])
    t.equal(await refusal(prefix + token, verifier), 'malformed', `'${prefix}'`);
  t.equal(await refusal(`sk-weir-${token}`, verifierOf([signer])), 'malformed', 'not without the config');
});

t.test('what looks like a key of ours is told from what does not', async t => {
  const verifier = verifierOf([signer], { prefixes: ['weir_', 'sk-weir-'] });
  const own = ['weir_', 'WEIR_x', 'Sk-Weir-1', 'sk-proj-v4.public.x', 'V4.PUBLIC.', key, `Bearer ${key}`];
  for (const value of own) t.ok(verifier.looksOwn(value), value.slice(0, 20));
  for (const value of ['', 'sk-proj-1', 'weir', 'my-weir_x', 'sk-weir', 'v4-public.x', 'v3.public.x'])
    t.notOk(verifier.looksOwn(value), value);
  t.notOk(verifierOf([signer]).looksOwn('sk-weir-1'), 'only with the config');
});

t.test('length and dots are judged before anything is decoded', async t => {
  let checks = 0;
  const checkSignature = async (): Promise<boolean> => {
    checks++;
    return true;
  };
  const verifier = verifierOf([signer], { checkSignature });
  const [version, purpose, body, footer] = key.split('.') as [string, string, string, string];
  const cases: [string, string][] = [
    ['4 KiB and one', `weir_v4.public.${'A'.repeat(4097 - 15)}`],
    ['16 KiB', `weir_v4.public.${'A'.repeat(16_384)}`],
    ['8 dots', `weir_v4.public.${'A.'.repeat(6)}A`],
    ['10,000 dots', `weir_v4.public.${'.'.repeat(10_000)}`],
    ['dots up to 4 KiB', `weir_v4.public.${'.'.repeat(4000)}`],
    ['no footer', `${version}.${purpose}.${body}`],
    ['an empty footer', `${version}.${purpose}.${body}.`],
    ['no body', `${version}.${purpose}..${footer}`],
    ['no message', `${version}.${purpose}.${b64(Buffer.alloc(63))}.${footer}`],
    ['a fifth part', `${key}.AA`],
    ['local', key.replace('public', 'local')],
    ['version 3', key.replace('v4', 'v3')],
  ];
  for (const [name, value] of cases) t.equal(await refusal(value, verifier), 'malformed', name);
  t.equal(checks, 0, 'none of it cost a signature');
  const long = (spaces: number): string => signer.key(JSON.stringify(USUAL) + ' '.repeat(spaces));
  const spaces = 2998 - JSON.stringify(USUAL).length - 64;
  t.equal(long(spaces).length, 4096);
  t.equal(await refusal(long(spaces), verifier), null, 'the longest there may be');
  t.equal(long(spaces + 1).length, 4097);
  t.equal(await refusal(long(spaces + 1), verifier), 'malformed', 'a good key that is too long');
  t.equal(checks, 1);
});

t.test('what is no token at all', async t => {
  const verifier = verifierOf([signer]);
  const values = [
    '',
    'weir_',
    "weir_' UNION SELECT 1 --",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what attackers send
    'weir_${jndi:ldap://x}',
    'weir_{{7*7}}',
    `weir_${b64(Buffer.from('{"alg":"none"}'))}.${b64(Buffer.from(JSON.stringify(USUAL)))}.`,
    'weir_\0',
    'weir_\u200bv4.public.AAAA.AAAA',
    'weir_ｖ４.public.AAAA.AAAA',
    `weir_v4.public.${'\ud800'.repeat(90)}.AA`,
    `${key} ${key}`,
    `${key},${key}`,
  ];
  for (const value of values) t.equal(await refusal(value, verifier), 'malformed', JSON.stringify(value));
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async text => {
      for (const value of [text, `weir_${text}`, `weir_v4.public.${text}`])
        if ((await refusal(value, verifier)) !== 'malformed') return false;
      return true;
    }),
    { numRuns: 1000 },
  );
});
