import t from 'tap';
import { KeyFault } from '../../../lib/keys/token/key-fault.ts';
import { HeldClock, Signer, USUAL, verifierOf } from './signer.ts';

const signer = new Signer();
const TEXT = JSON.stringify(USUAL);

/** `kind: detail` of the refusal, or 'good'. */
async function verdictOn(key: string, verifier = verifierOf([signer])): Promise<string> {
  const verdict = await verifier.verify(key);
  return verdict instanceof KeyFault ? `${verdict.kind}: ${verdict.detail}` : 'good';
}

function over(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return verdictOn(signer.usual(claims));
}

t.test('a payload is one JSON object in which every name stands once', async t => {
  const end = TEXT.slice(1);
  const cases: [string, string | Buffer][] = [
    ['nothing', ''],
    ['no JSON', 'sub=alice'],
    ['an array', `[${TEXT}]`],
    ['a text', '"alice"'],
    ['two objects', TEXT + TEXT],
    ['an end too early', TEXT.slice(0, -1)],
    ['a comment', `/**/${TEXT}`],
    ['a byte order mark', `\ufeff${TEXT}`],
    ['not UTF-8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from(`",${end}`)])],
    ['the same name twice', `{"exp":"2026-12-19T00:00:00Z",${end}`],
    ['twice the same', `{"sub":"alice",${end}`],
    ['once escaped', `{"\\u0065xp":"2026-12-19T00:00:00Z",${end}`],
    ['twice in weir', `{"weir":{"rpm":1,"r\\u0070m":2},${end}`],
    ['twice in tags', `{"weir":{"tags":{"a":"1","a":"2"}},${end}`],
    ['too deep', `{"weir":{"tags":{"a":{}}},${end}`],
  ];
  for (const [name, payload] of cases)
    t.equal(
      await verdictOn(signer.key(payload)),
      'badClaims: payload is not one JSON object with each name once',
      name,
    );
});

t.test('white space, order and escapes change nothing', async t => {
  const spaced = `\n{ "exp" : "2026-12-20T00:00:00Z",\t"jti":"key-1","sub":"alice","iat":"2026-11-20T00:00:00Z"} `;
  t.equal(await verdictOn(signer.key(spaced)), 'good');
  const escaped = TEXT.replace('"sub":"alice"', '"s\\u0075b":"al\\u0069ce"');
  t.hasStrict(await verifierOf([signer]).verify(signer.key(escaped)), { subject: 'alice' });
});

t.test('a name is the one that was written, whatever was parsed before', async t => {
  JSON.parse('{"a":1,"\\\\":2}');
  t.match(await verdictOn(signer.key(`{"\\u0062":1,${TEXT.slice(1)}`)), 'badClaims: b is not known');
});

t.test('claims that are missing, unknown or of another kind', async t => {
  for (const name of ['sub', 'jti', 'iat', 'exp'])
    t.equal(await over({ [name]: undefined }), `badClaims: ${name} is missing`);
  for (const name of ['scope', 'admin', 'constructor', 'toString', 'kid'])
    t.equal(await over({ [name]: 'x' }), `badClaims: ${name} is not known`);
  const proto = signer.key(`{"__proto__":{"sub":"root"},${TEXT.slice(1)}`);
  t.equal(await verdictOn(proto), 'badClaims: __proto__ is not known');
  const secretName = signer.key(`{"a\\nb":1,${TEXT.slice(1)}`);
  t.equal(await verdictOn(secretName), 'badClaims: a claim is not known', 'no line feed in the detail');
  const texts = [1, null, true, [], {}, '', 'a\r\nb', 'a\0', '\u0085', 'x'.repeat(257), ['alice']];
  for (const claim of ['sub', 'jti', 'iss', 'aud'])
    for (const value of texts)
      t.match(await over({ [claim]: value }), new RegExp(`^badClaims: ${claim} is not a text`));
  const times = [1_797_724_800, null, [], 'soon', '', '2026-12-20', '9e15', '2026-12-20T00:00:00'];
  for (const claim of ['iat', 'exp', 'nbf'])
    for (const value of times)
      t.match(await over({ [claim]: value }), new RegExp(`^badClaims: ${claim} is not an RFC 3339`));
  const numbers = signer.key(TEXT.replace(/"exp":"[^"]*"/, '"exp":1e309'));
  t.match(await verdictOn(numbers), /^badClaims: exp is not an RFC 3339/);
});

t.test('what weir may hold', async t => {
  const inWeir = (json: string): Promise<string> => verdictOn(signer.key(`{"weir":${json},${TEXT.slice(1)}`));
  for (const json of ['null', '[]', '"all"', '1'])
    t.equal(await inWeir(json), 'badClaims: weir is not an object');
  t.equal(await inWeir('{}'), 'good');
  t.equal(await inWeir('{"scopes":[]}'), 'badClaims: weir.scopes is not known');
  t.equal(await inWeir('{"Models":[]}'), 'badClaims: weir.Models is not known');
  for (const budget of [
    '{"usd":5,"per":"day"}',
    '{"usd":"0.50","tokens":7,"requests":1,"per":"lifetime"}',
    '{"usd":5e-7,"per":"hour"}',
  ])
    t.equal(await inWeir(`{"budget":${budget}}`), 'good');
  for (const [budget, problem] of [
    ['5', 'weir.budget is not an object'],
    ['{}', 'weir.budget names no usd, tokens or requests'],
    ['{"per":"day"}', 'weir.budget names no usd, tokens or requests'],
    ['{"usd":5}', 'weir.budget.per is not one of'],
    ['{"usd":5,"per":"year"}', 'weir.budget.per is not one of'],
    ['{"usd":0,"per":"day"}', 'weir.budget.usd is no amount'],
    ['{"usd":-1,"per":"day"}', 'weir.budget.usd is no amount'],
    ['{"usd":"1e3","per":"day"}', 'weir.budget.usd is no amount'],
    ['{"usd":0.30000000000000004,"per":"day"}', 'weir.budget.usd is no amount'],
    ['{"tokens":1.5,"per":"day"}', 'weir.budget.tokens is not a whole number'],
    ['{"requests":"9","per":"day"}', 'weir.budget.requests is not a whole number'],
    ['{"usd":5,"per":"day","reset":1}', 'weir.budget.reset is not known'],
  ])
    t.ok((await inWeir(`{"budget":${budget}}`)).startsWith(`badClaims: ${problem}`), budget!);
  for (const member of ['rpm', 'tpm', 'concurrency', 'bodyBytes']) {
    for (const json of [
      '0',
      '-0',
      '-1',
      '0.5',
      '1e309',
      '9007199254740992',
      '"600"',
      'null',
      '[600]',
      'true',
      '{}',
    ])
      t.match(await inWeir(`{"${member}":${json}}`), `badClaims: weir.${member} is not a whole number`, json);
    for (const json of ['1', '6e2', '600.0', '9007199254740991'])
      t.equal(await inWeir(`{"${member}":${json}}`), 'good', json);
  }
  const lists: [string, readonly string[], readonly string[]][] = [
    [
      'providers',
      ['["openai"]', '[]'],
      ['"openai"', '[1]', '["OpenAI"]', '[""]', '[["a"]]', 'null', '{"a":1}'],
    ],
    ['models', ['["gpt-*","a/b?"]', '[]'], ['"*"', '[""]', '["a\\nb"]', '["\\ud800"]', '[null]', 'false']],
    ['operations', ['["chat","other"]', '[]'], ['["CHAT"]', '["all"]', '"chat"', '[{"chat":true}]']],
    ['ips', ['["10.0.0.0/8","::1"]', '[]'], ['["10/8"]', '["::ffff:10.0.0.1"]', '["a.example"]', '"::1"']],
  ];
  for (const [member, good, bad] of lists) {
    for (const json of good) t.equal(await inWeir(`{"${member}":${json}}`), 'good', `${member} ${json}`);
    for (const json of bad)
      t.match(
        await inWeir(`{"${member}":${json}}`),
        new RegExp(`^badClaims: weir\\.${member} (?:is not a list|may only hold)`),
        `${member} ${json}`,
      );
  }
  t.equal(await inWeir('{"tags":{"team":"search","a.b":"x"}}'), 'good');
  const tags = [
    '[]',
    '"x"',
    '{"a":1}',
    '{"a":""}',
    '{"":"x"}',
    '{"a b":"x"}',
    '{"a":"b\\u0000"}',
    '{"__proto__":"x"}',
  ];
  for (const json of tags) t.match(await inWeir(`{"tags":${json}}`), /^badClaims: weir\.tags /, json);
});

t.test('tags are what was written and nothing inherited', async t => {
  const verdict = await verifierOf([signer]).verify(signer.usual({ weir: { tags: { constructor: 'a' } } }));
  t.notOk(verdict instanceof KeyFault);
  t.strictSame(Object.entries((verdict as { tags: object }).tags), [['constructor', 'a']]);
  t.ok(Object.isFrozen((verdict as { tags: object }).tags));
});

t.test('when a key is in force, to the millisecond', async t => {
  const clock = new HeldClock();
  const at = async (claims: Readonly<Record<string, unknown>>, time: string): Promise<string> => {
    clock.nowMs = Date.parse(time);
    const verifier = verifierOf([signer], { clock });
    const cold = await verdictOn(signer.usual(claims), verifier);
    t.equal(await verdictOn(signer.usual(claims), verifier), cold, 'the same when it is asked again');
    return cold.replace(/:.*/, '');
  };
  const exp = '2026-12-01T12:00:00Z';
  t.equal(await at({ exp }, '2026-12-01T12:00:00Z'), 'good', 'leeway');
  t.equal(await at({ exp }, '2026-12-01T12:00:29.999Z'), 'good');
  t.equal(await at({ exp }, '2026-12-01T12:00:30.000Z'), 'expired');
  t.equal(await at({ exp }, '2027-12-01T12:00:00Z'), 'expired');
  const nbf = '2026-11-25T12:00:00Z';
  t.equal(await at({ nbf }, '2026-11-25T11:59:29.999Z'), 'notYetValid');
  t.equal(await at({ nbf }, '2026-11-25T11:59:30.000Z'), 'good');
  const iat = '2026-11-24T12:00:00Z';
  t.equal(await at({ iat }, '2026-11-24T11:59:29.999Z'), 'notYetValid', 'issued in the future');
  t.equal(await at({ iat }, '2026-11-24T11:59:30.000Z'), 'good');
  t.equal(
    await at({ iat, nbf: '2026-11-20T12:00:00Z' }, '2026-11-23T12:00:00Z'),
    'notYetValid',
    'the later counts',
  );
});

t.test('how long it may live is for the issuer to say', async t => {
  const iat = '2026-11-20T00:00:00Z';
  t.equal(await over({ iat, exp: '2027-02-18T00:00:00Z' }), 'good', '90 days');
  t.equal(
    await over({ iat, exp: '2027-02-18T00:00:00.001Z' }),
    'badClaims: exp is further from iat than this issuer may go',
  );
  t.match(
    await over({ iat, nbf: '2027-02-10T00:00:00Z', exp: '2027-04-01T00:00:00Z' }),
    /^badClaims: exp is further/,
  );
  t.match(
    await over({ iat: '9999-01-01T00:00:00Z', exp: '9999-12-31T00:00:00Z' }),
    /^badClaims: exp is further/,
  );
  for (const exp of [iat, '2026-11-19T00:00:00Z'])
    t.equal(await over({ iat, exp }), 'badClaims: exp is not after the time at which the key begins');
  t.match(await over({ nbf: '2026-12-25T00:00:00Z' }), /^badClaims: exp is not after/);
});

t.test('whom it is for', async t => {
  const prod = verifierOf([signer], { audience: 'prod' });
  t.equal(await verdictOn(signer.usual({ aud: 'prod' }), prod), 'good');
  for (const aud of ['staging', 'Prod', 'prod ', undefined])
    t.equal(await verdictOn(signer.usual({ aud }), prod), 'badClaims: aud does not name this gateway');
  t.equal(
    await over({ aud: 'prod' }),
    'badClaims: aud does not name this gateway',
    'no audience, no such key',
  );
});

t.test('who signed it', async t => {
  const other = new Signer();
  const both = verifierOf([{ publicKey: signer.publicKey, issuer: 'https://a.example' }, other]);
  t.equal(await verdictOn(signer.usual({ iss: 'https://a.example' }), both), 'good');
  for (const iss of ['https://b.example', undefined])
    t.match(await verdictOn(signer.usual({ iss }), both), /^badClaims: iss is not the name/);
  t.hasStrict(
    await both.verify(other.usual({ iss: 'https://a.example' })),
    { issuer: other.id },
    'none is asked of it',
  );

  t.equal(await verdictOn(other.usual()), `unknownIssuer: is signed by ${other.id}`);
  const stolenName = other.key(TEXT, `{"kid":"${signer.id}"}`);
  t.equal(await verdictOn(stolenName, both), `badSignature: is not signed by ${signer.id}`);
});

t.test('a footer holds the id of the issuer and nothing else', async t => {
  const { id } = signer;
  t.equal(
    await verdictOn(signer.key(TEXT, `{"kid": "${id}"}`)),
    'good',
    'with white space, as some libraries write',
  );
  const footers = [
    id,
    '{}',
    'null',
    `["${id}"]`,
    `{"kid":"${id}","kid":"${id}"}`,
    `{"kid":"${id}","k\\u0069d":"${id}"}`,
    `{"kid":"${id}","jku":"https://evil.example"}`,
    `{"kid":["${id}"]}`,
    `{"kid":{"a":"${id}"}}`,
    '{"kid":1}',
    '{"kid":"../../etc/passwd"}',
    '{"kid":"\' OR 1=1"}',
    `{"kid":"${id}A"}`,
    `{"kid":"${id.toUpperCase()}"}`,
    `{"kid":"${id}"}${' '.repeat(256)}`,
    `{"KID":"${id}"}`,
    `{"alg":"none","kid":"${id}"}`,
  ];
  for (const footer of footers)
    t.equal(
      await verdictOn(signer.key(TEXT, footer)),
      'malformed: has no footer that is exactly {"kid":"k4.pid.…"}',
      footer,
    );
});
