import { createHash } from 'node:crypto';
import t from 'tap';
import { exchange, RawClient, readAnswer, requestBytes } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import { bearer, codeOf, echoRoute, json, KEYS, OpsLab } from './ops-lab.ts';

const ROUTES = [
  echoRoute({ method: 'POST', path: '/things', role: 'operator' }),
  echoRoute({ method: 'GET', path: '/things', role: 'viewer' }),
];

t.test('targets that two readers might read differently are refused', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  for (const target of [
    '//livez',
    '/livez/',
    '/./livez',
    '/x/../livez',
    '/%2e/livez',
    '/x/%2E%2e/livez',
    '/things/a%2eb',
    '/livez%00',
    '/livez%',
    '/livez%zz',
    '/things/%ff',
    '/livez\\',
    '/livez#x',
    'http://127.0.0.1/livez',
    '*',
  ]) {
    const answer = await lab.ask({ method: target === '*' ? 'OPTIONS' : 'GET', target });
    t.strictSame([answer.status, codeOf(answer)], [400, 'bad_request'], target);
    t.equal(answer.head.value('connection'), 'close');
  }
  const client = await RawClient.connect(lab.port);
  await client.send('GET /livez\u00e9 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  t.equal((await readAnswer(client, 'GET')).status, 400);
  client.destroy();
});

t.test('only a host that no web page can rebind', async t => {
  const lab = await OpsLab.start(t, { settings: { hosts: ['weir.internal'] } });
  const ask = async (host: string) => (await lab.ask({ target: '/livez', fields: [['Host', host]] })).status;
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:8788',
    '10.1.2.3:1',
    '[::1]:8788',
    'localhost',
    'LOCALHOST:1',
    'weir.internal:8788',
    'WEIR.internal',
  ])
    t.equal(await ask(host), 200, host);
  for (const host of [
    'evil.example',
    'weir.internal.evil.example',
    'localhost.evil.example:8788',
    '127.0.0.1.evil.example',
    '',
  ])
    t.equal(await ask(host), 403, host);
  const answer = await lab.ask({ target: '/readyz', fields: [['Host', 'evil.example']] });
  t.equal(codeOf(answer), 'unknown_host');
  const twice = await lab.ask({
    target: '/livez',
    fields: [
      ['Host', '127.0.0.1'],
      ['Host', '127.0.0.1'],
    ],
  });
  t.equal(twice.status, 400);
  const old = await lab.ask({ target: '/livez', version: '1.0' });
  t.equal(old.status, 200);
});

t.test('what a web page sends is refused, with a good key too', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const pages: readonly Fields[] = [
    [['Origin', 'https://evil.example']],
    [['Origin', 'null']],
    [['Origin', lab.url]],
    [['Sec-Fetch-Site', 'cross-site']],
    [['Sec-Fetch-Site', 'same-site']],
  ];
  for (const fields of pages) {
    for (const target of ['/', '/livez', '/readyz', '/metrics', '/things']) {
      const answer = await lab.askAs(KEYS.admin, { target, fields });
      t.strictSame([answer.status, codeOf(answer)], [403, 'cross_site'], `${target} ${fields}`);
      t.equal(answer.head.value('access-control-allow-origin'), null);
    }
    const posted = await lab.askAs(KEYS.admin, {
      target: '/things',
      body: '{}',
      fields: [...fields, ['Content-Type', 'text/plain']],
    });
    t.equal(posted.status, 403);
  }
  t.strictSame(lab.events, []);
  const typed = await lab.ask({ target: '/', fields: [['Sec-Fetch-Site', 'none']] });
  t.equal(typed.status, 200, 'an address that a person opened');
});

t.test('a body has 64 KiB, and whoever sends more gets to read so', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const body = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`;
  const limit = 64 * 1024;
  const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  const te: Fields = [['Transfer-Encoding', 'chunked']];
  const most = await lab.askAs(KEYS.admin, { target: '/things', body: body(limit) });
  t.equal(most.status, 200);
  t.equal((json(most) as { body: string }).body.length, limit - 2);
  t.equal(
    (await lab.askAs(KEYS.admin, { target: '/things', body: chunked(body(limit)), fields: te })).status,
    200,
  );
  for (const bytes of [limit + 1, limit * 4]) {
    const sized = await lab.askAs(KEYS.admin, { target: '/things', body: body(bytes) });
    t.strictSame([sized.status, codeOf(sized)], [413, 'body_too_large'], String(bytes));
    const counted = await lab.askAs(KEYS.admin, {
      target: '/things',
      body: chunked(body(bytes)),
      fields: te,
    });
    t.equal(counted.status, 413);
  }
  t.equal(lab.requests.length, 2);
  const client = await RawClient.connect(lab.port);
  await client.send(
    requestBytes({
      method: 'POST',
      target: '/things',
      fields: [...bearer(KEYS.admin), ['Content-Length', '999999999']],
    }),
  );
  void client.send('x'.repeat(2 * 1024 * 1024));
  t.equal((await client.ended()) !== null, true, 'an upload without end is broken off');
  client.destroy();
});

t.test('framing that a proxy may read otherwise is refused, and nothing behind it runs', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const auth = `Host: 127.0.0.1\r\nAuthorization: Bearer ${KEYS.admin}\r\n`;
  const behind = `POST /things HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\n{}`;
  for (const [name, head] of [
    [
      'both lengths',
      `POST /things HTTP/1.1\r\n${auth}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `POST /things HTTP/1.1\r\n${auth}Content-Length: 0\r\nContent-Length: 60\r\n\r\n`],
    ['another coding', `POST /things HTTP/1.1\r\n${auth}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    [
      '1.0 chunked',
      `POST /things HTTP/1.0\r\n${auth}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['bad chunk', `POST /things HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['no such version', `POST /things HTTP/2.0\r\n${auth}\r\n`],
    ['no host', `GET /livez HTTP/1.1\r\n\r\n`],
    ['a long head', `GET /livez HTTP/1.1\r\n${auth}X-Long: ${'x'.repeat(17_000)}\r\n\r\n`],
  ] as const) {
    const client = await RawClient.connect(lab.port);
    await client.send(head + (name === 'bad chunk' ? '' : behind));
    const answer = await readAnswer(client, 'POST');
    t.equal(answer.status, name === 'a long head' ? 431 : 400, name);
    t.equal(answer.head.value('connection'), 'close', name);
    await client.ended();
    client.destroy();
  }
  t.equal((await lab.ask({ target: '/livez' })).status, 200);
});

t.test('an answer under way comes through, whatever is sent behind it', async t => {
  const entered = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const lab = await OpsLab.start(t, {
    house: {
      metrics: async () => {
        entered.resolve();
        await finish.promise;
        return { contentType: 'text/plain', text: 'up 1\n' };
      },
    },
  });
  const client = await RawClient.connect(lab.port);
  t.teardown(() => client.destroy());
  await client.send(requestBytes({ target: '/metrics' }));
  await entered.promise;
  await client.send('\0\0garbage\r\n\r\n');
  await lab.ask({ target: '/livez' });
  finish.resolve();
  const answer = await readAnswer(client, 'GET');
  t.equal(answer.body.toString(), 'up 1\n');
  t.equal(answer.head.value('connection'), 'close');
  t.equal(await client.ended(), 'fin');
});

t.test('upgrades and tunnels come to nothing', async t => {
  const lab = await OpsLab.start(t);
  const fields: Fields = [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Key', createHash('sha1').update('x').digest('base64')],
  ];
  t.equal((await lab.ask({ target: '/livez', fields })).status, 200, 'answered as a plain request');
  const client = await RawClient.connect(lab.port);
  await client.send('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n');
  t.equal(await client.readHead(), null);
  client.destroy();
});

t.test('one connection serves many good requests', async t => {
  const lab = await OpsLab.start(t, { routes: ROUTES });
  const client = await RawClient.connect(lab.port);
  t.teardown(() => client.destroy());
  for (let i = 0; i < 3; i++) {
    t.equal((await exchange(client, { target: '/readyz' })).status, 200);
    const parts = { target: '/things', body: `{"i":${i}}`, fields: bearer(KEYS.operator) };
    t.strictSame(json(await exchange(client, parts)), {
      params: {},
      query: {},
      body: { i },
      admin: 'night-shift',
    });
  }
});

t.test('close waits for calls under way, not for idle connections', async t => {
  const entered = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const lab = await OpsLab.start(t, {
    routes: [
      {
        method: 'POST',
        path: '/slow',
        role: 'admin',
        summary: '',
        run: async () => {
          entered.resolve();
          await finish.promise;
          return { status: 200, body: { done: true } };
        },
      },
    ],
  });
  const idle = await RawClient.connect(lab.port);
  t.teardown(() => idle.destroy());
  await exchange(idle, { target: '/livez' });
  const slow = lab.askAs(KEYS.admin, { method: 'POST', target: '/slow' });
  await entered.promise;
  const closed = lab.listener.close();
  t.equal(await idle.ended(), 'fin');
  finish.resolve();
  t.strictSame(json(await slow), { done: true });
  await closed;
  await t.rejects(RawClient.connect(lab.port), /ECONNREFUSED/);
});

t.test('a port that is taken is the caller’s to hear of', async t => {
  const lab = await OpsLab.start(t);
  const second = OpsLab.start(t, { settings: { port: lab.port } });
  await t.rejects(second, { code: 'EADDRINUSE' });
});
