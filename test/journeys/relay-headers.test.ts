import t from 'tap';
import { exchange, requestBytes } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, POOL_KEY, relayedFields, startLab } from './lab.ts';

const lab = await startLab(t);

/** What went up for a request with these fields, less Host, Connection and the framing. */
async function sentUp(fields: Fields, target = '/byo/v1/chat/completions'): Promise<Fields> {
  lab.up.reply(up.respond(200, [], 'ok'));
  const answer = await lab.ask({ target, fields, body: '{}' });
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body}`);
  return lab.up.requests
    .at(-1)!
    .fields.filter(([name]) => !/^(?:host|connection|content-length)$/i.test(name));
}

/** The provider's fields as the client got them. */
async function sentDown(
  fields: Fields,
  target = '/byo/v1/chat/completions',
  client: Fields = [],
): Promise<Fields> {
  lab.up.reply(up.respond(200, fields, 'ok'));
  const answer = await lab.ask({ target, fields: client, body: '{}' });
  const own = new Set(['content-length', 'x-request-id']);
  return relayedFields(answer.head.fields).filter(([name]) => !own.has(name.toLowerCase()));
}

const ODD: Fields = [
  ['X-Repeated', 'one'],
  ['x-repeated', 'two'],
  ['X-CASE-Kept', 'Mixed CASE'],
  ['X-High', '\x80\xa0\xe9\xff'],
  ['X-Utf8', Buffer.from('grüße €').toString('latin1')],
  ['X-Empty', ''],
  ['X-Quote', '"a, b";q=1'],
  ["X-!#$%&'*+-.^`|~", 'token characters'],
  ['__proto__', 'polluted'],
  ['constructor', 'x'],
];

t.test('other request fields go up with their bytes, order, case and repetitions', async t => {
  const fields: Fields = [
    ...ODD.filter(([name]) => name !== '__proto__'),
    ['User-Agent', 'probe/1 (x)'],
    ['Accept', '*/*'],
  ];
  t.same(await sentUp(fields), fields);
});

t.test('other response fields come down with their bytes, order, case and repetitions', async t => {
  const fields: Fields = [
    ['Date', 'Tue, 01 Jan 2030 00:00:00 GMT'],
    ['Server', 'provider'],
    ...ODD,
    ['WWW-Authenticate', 'Bearer'],
    ['Content-Type', 'application/json; charset="x"'],
    ['Content-Encoding', 'x-private'],
    ['Link', '</a>; rel=next'],
    ['Retry-After', '7'],
    ['Access-Control-Allow-Origin', '*'],
    ['x-ratelimit-remaining-tokens', '5'],
    ['openai-organization', 'org-1'],
  ];
  t.same(await sentDown(fields), fields);
  lab.up.reply(up.respond(200, [['X-Request-Id', 'req_1']], ''));
  const answer = await lab.ask({ target: '/byo/x', fields: [['X-Request-Id', 'mine']] });
  t.same(answer.head.values('x-request-id'), ['req_1']);
  t.same(answer.head.values('x-weir-request-id'), ['mine']);
  t.same(answer.head.values('date'), [], 'the Date is the provider’s or none');
});

t.test('hop-by-hop and Connection-named request fields stay here', async t => {
  const kept: Fields = [['X-Kept', '1']];
  t.same(
    await sentUp([
      ['Connection', 'keep-alive, X-Custom'],
      ['connection', 'x-second'],
      ['X-Custom', '1'],
      ['X-Second', '2'],
      ['Keep-Alive', 'timeout=5'],
      ['Proxy-Connection', 'keep-alive'],
      ['Proxy-Authorization', 'Basic eA=='],
      ['Proxy-Authenticate', 'Basic'],
      ['TE', 'trailers'],
      ['Trailer', 'X-T'],
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'AAA'],
      ...kept,
    ]),
    kept,
  );
});

t.test('claims about the way and internal fields stay here', async t => {
  const kept: Fields = [['X-Kept', '1']];
  t.same(
    await sentUp([
      ['Forwarded', 'for=1.2.3.4'],
      ['X-Forwarded-For', '1.2.3.4'],
      ['X-Forwarded-Host', 'evil.test'],
      ['X-Forwarded-Anything', 'x'],
      ['X-Real-IP', '1.2.3.4'],
      ['Via', '1.1 x'],
      ['CF-Connecting-IP', '1.2.3.4'],
      ['True-Client-IP', '1.2.3.4'],
      ['X-Accel-Buffering', 'no'],
      ['X-Weir-Provider', 'x'],
      ['X-Weir-Anything', 'x'],
      ['Cookie', 'a=b'],
      ...kept,
    ]),
    kept,
  );
});

t.test('a name with an underscore goes only where its twin with a dash would', async t => {
  t.same(
    await sentUp([
      ['X_Forwarded_For', '1.2.3.4'],
      ['Content_Length', '9'],
      ['Transfer_Encoding', 'chunked'],
      ['x_api_key', 'sneaky'],
      ['My_Own_Field', 'kept'],
    ]),
    [['My_Own_Field', 'kept']],
  );
});

t.test('Connection cannot take away what Weir sets', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  const fields: Fields = [
    ['Connection', 'close, authorization, x-api-key, content-length, host, x-request-id'],
    ['X-Request-Id', 'r1'],
    ...AS_TEAM,
  ];
  const answer = await lab.ask({ target: '/openai/v1/chat/completions', fields, body: '{"a":1}' });
  t.equal(answer.status, 200);
  const request = lab.up.requests.at(-1)!;
  t.same(request.values('authorization'), [`Bearer ${POOL_KEY}`]);
  t.same(request.values('content-length'), ['7']);
  t.same(request.values('host'), [lab.up.origin.slice('http://'.length)]);
  t.equal(String(request.body), '{"a":1}');
});

t.test('hop-by-hop, Connection-named and dangerous response fields stay there', async t => {
  const kept: Fields = [['X-Kept', '1']];
  t.same(
    await sentDown([
      ['Connection', 'keep-alive, X-S'],
      ['X-S', '1'],
      ['Keep-Alive', 'timeout=600'],
      ['Upgrade', 'h2c'],
      ['Trailer', 'X-T'],
      ['Proxy-Authenticate', 'Basic'],
      ['Proxy-Connection', 'close'],
      ['TE', 'x'],
      ['Alt-Svc', 'h3=":443"'],
      ['Set-Cookie', 'a=b'],
      ['Set-Cookie', 'c=d'],
      ['Clear-Site-Data', '"*"'],
      ['Strict-Transport-Security', 'max-age=1'],
      ['X-Accel-Redirect', '/internal'],
      ['X-Accel-Buffering', 'yes'],
      ['X-Sendfile', '/etc/passwd'],
      ['X-Weir-Error', 'forged'],
      ...kept,
    ]),
    kept,
  );
});

t.test('Connection: close of the provider is not the client’s', async t => {
  const client = await lab.connect(t);
  lab.up.reply([...up.respond(200, [['Connection', 'close']], 'one'), up.fin()]);
  t.equal(String((await exchange(client, { target: '/lab/x' })).body), 'one');
  lab.up.reply(up.respond(200, [], 'two'));
  t.equal(String((await exchange(client, { target: '/lab/x' })).body), 'two');
});

t.test('Connection: close of the client is honoured and stays here', async t => {
  lab.up.reply(up.respond(200, [], 'one'));
  const client = await lab.connect(t);
  const answer = await exchange(client, { target: '/lab/x', fields: [['Connection', 'close']] });
  t.equal(answer.head.value('connection'), 'close');
  t.equal(await client.ended(), 'fin');
  t.not(lab.up.requests.at(-1)!.value('connection'), 'close');
});

t.test('managed requests lose every credential and account field, and get the pool key once', async t => {
  const fields: Fields = [
    ...AS_TEAM,
    ['X-Api-Key', 'sk-other'],
    ['api-key', 'sk-other'],
    ['X-Goog-Api-Key', 'AIza'],
    ['xi-api-key', 'xi'],
    ['x_api_key', 'sneaky'],
    ['OpenAI-Organization', 'org'],
    ['OpenAI-Project', 'proj'],
    ['X-Kept', '1'],
  ];
  t.same(await sentUp(fields, '/openai/v1/chat/completions'), [
    ['X-Kept', '1'],
    ['authorization', `Bearer ${POOL_KEY}`],
  ]);
});

t.test('managed answers lose account fields and any value that holds the pool key', async t => {
  const fields: Fields = [
    ['openai-organization', 'org'],
    ['openai-project', 'proj'],
    ['anthropic-organization-id', 'org'],
    ['X-Echo', `Bearer ${POOL_KEY}`],
    ['X-Kept', '1'],
  ];
  t.same(await sentDown(fields, '/openai/v1/chat/completions', AS_TEAM), [['X-Kept', '1']]);
});

t.test('BYO keeps its credentials and account fields as they came', async t => {
  const fields: Fields = [
    ['AUTHORIZATION', 'Bearer sk-mine'],
    ['OpenAI-Organization', 'org'],
    ['OpenAI-Project', 'proj'],
    ['X-Kept', '1'],
  ];
  t.same(await sentUp(fields), fields);
  t.same(
    await sentDown(
      [
        ['openai-organization', 'org'],
        ['X-Echo', 'sk-mine'],
      ],
      undefined,
      fields,
    ),
    [
      ['openai-organization', 'org'],
      ['X-Echo', 'sk-mine'],
    ],
  );
});

t.test('the client’s Host and forwarding claims name no upstream', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  await lab.ask({
    target: '/lab/x',
    fields: [
      ['Host', 'localhost:1'],
      ['X-Forwarded-Host', 'evil.test'],
    ],
  });
  const request = lab.up.requests.at(-1)!;
  t.equal(request.value('host'), lab.up.origin.slice('http://'.length));
  t.notMatch(request.head.raw.toString('latin1'), /evil|localhost/);
});

t.test('a client’s request id is repeated only when it is harmless', async t => {
  lab.up.reply(up.respond(200, [], ''));
  const idFor = async (given: string): Promise<string | null> =>
    (await lab.ask({ target: '/lab/x', fields: [['X-Request-Id', given]] })).head.value('x-weir-request-id');
  const longest = 'a'.repeat(128);
  t.equal(await idFor('abc-123_!~'), 'abc-123_!~');
  t.equal(await idFor(longest), longest);
  for (const bad of [`${longest}a`, 'with space', '\xe9', '']) {
    const id = await idFor(bad);
    t.not(id, bad);
    t.match(id, /^[\x21-\x7e]{1,128}$/);
  }
});

t.test('interim answers are swallowed, however many', async t => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n';
  lab.up.reply([up.raw(hint.repeat(5000)), ...up.respond(200, [], 'ok')]);
  const answer = await lab.ask({ target: '/lab/x' });
  t.equal(answer.status, 200);
  t.equal(answer.interim.length, 0);
  t.equal(String(answer.body), 'ok');
});

t.test('Expect: 100-continue is answered here and stays here', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  const client = await lab.connect(t);
  const fields: Fields = [
    ['Expect', '100-continue'],
    ['Content-Length', '3'],
  ];
  await client.send(requestBytes({ target: '/lab/x', method: 'POST', fields }));
  t.equal((await client.expectHead()).status, 100);
  await client.send('abc');
  t.equal((await client.expectHead()).status, 200);
  t.equal(lab.up.requests.at(-1)!.value('expect'), null);
  t.equal(String(lab.up.requests.at(-1)!.body), 'abc');
});

t.test('a redirect is the client’s to follow', async t => {
  const evil = await up.Upstream.start();
  t.teardown(() => evil.close());
  evil.reply(up.respond(200, [], 'evil'));
  for (const status of [301, 302, 303, 307, 308]) {
    lab.up.reply(up.respond(status, [['Location', `${evil.origin}/x`]], ''));
    const answer = await lab.ask({ target: '/openai/v1/models', fields: AS_TEAM });
    t.equal(answer.status, status);
    t.equal(answer.head.value('location'), `${evil.origin}/x`);
  }
  t.equal(evil.connections.length, 0);
});

t.test('afterwards all is well', t => lab.check(t));
