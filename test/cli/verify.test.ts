import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { startDemoOrigin } from '../../lib/demo/index.ts';
import { createGateway } from '../../lib/gateway/index.ts';
import { runMain } from './run-main.ts';

type Ending = { teardown(end: () => Promise<void>): void };

async function gateway(t: Ending, config: object): Promise<string> {
  const running = await createGateway({ listen: { port: 0 }, ...config });
  t.teardown(() => running.close({ lameDuckMs: 0, drainMs: 0 }));
  return (await running.listen()).url;
}

/** A stand-in for a gateway whose answers a real one would have to be broken to give. */
async function standIn(
  t: Ending,
  answers: Readonly<Record<string, (req: IncomingMessage, res: ServerResponse) => void>>,
): Promise<string> {
  const server = http.createServer((req, res) => {
    const answer = answers[new URL(req.url!, 'http://x').pathname];
    if (answer !== undefined) answer(req, res);
    else if (req.url === '/health') res.end('{}');
    else if (req.url === '/v1/models') res.end('{"data":[{"id":"m1"}]}');
    else res.writeHead(404).end('{}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    const closed = new Promise<void>(resolve => server.close(() => resolve()));
    server.closeAllConnections();
    return closed;
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test('the demo is found by itself', async t => {
  const url = await gateway(t, { providers: { demo: {} } });
  const { status, stdout, stderr } = await runMain(['verify', '--url', `${url}/`]);
  t.equal(status, 0, stderr);
  t.equal(stderr, '');
  const lines = stdout.trimEnd().split('\n');
  t.equal(lines[0], `${url}/demo/v1`);
  t.match(lines[1], /^ {2}ok {7}health {2}/);
  t.match(lines[2], /^ {2}ok {7}models {2}1 model, the first is demo$/);
  t.match(lines[3], /^ {2}ok {7}answer {2}\d+ characters of text from demo/);
  t.match(lines[4], /^ {2}ok {7}stream {2}\d+ events/);
  t.equal(lines.length, 5);
});

t.test('a wrong key fails with the reason, a right one does not', async t => {
  const right = 'team-secret-0123';
  const url = await gateway(t, {
    providers: { demo: {} },
    auth: { staticKeys: [{ id: 'team', key: new Secret(right) }] },
  });
  const wrong = 'team-secret-9999';
  const failed = await runMain(['verify', '--url', url, '--key', wrong]);
  t.equal(failed.status, 1);
  t.match(failed.stdout, /ok {7}health/);
  t.match(failed.stdout, /failed {3}models {2}401 \(from Weir, invalid_key\): \w/);
  t.match(failed.stderr, /^weir verify: models failed: 401 .*invalid_key/);
  t.notMatch(failed.stdout + failed.stderr, wrong);

  const none = await runMain(['verify', '--url', url]);
  t.equal(none.status, 1);

  t.equal((await runMain(['verify', '--url', url, '--key', right])).status, 0);
  t.equal((await runMain(['verify', '--url', url], { env: { WEIR_KEY: right } })).status, 0);
});

t.test('every wire, through the shipped rows', async t => {
  const demo = await startDemoOrigin({ eventDelayMs: 0 });
  t.teardown(() => demo.close());
  const names = ['openai', 'anthropic', 'google', 'cohere', 'mistral', 'ollama', 'groq', 'zai'];
  const providers = Object.fromEntries(names.map(name => [name, { origin: demo.origin }]));
  const url = await gateway(t, { providers });
  for (const name of names) {
    const argv = [
      'verify',
      '--url',
      url,
      '--provider',
      name,
      '--key',
      'users-own-key',
      '--model',
      'some-model',
    ];
    const { status, stdout, stderr } = await runMain(argv);
    t.equal(status, 0, `${name}: ${stdout}${stderr}`);
    t.match(stdout, /ok {7}answer .* from some-model/, name);
    t.match(stdout, /ok {7}stream/, name);
  }
  const own = await runMain(['verify', '--url', url, '--provider', 'bedrock']);
  t.equal(own.status, 2);
  t.match(own.stderr, /does not speak the dialect of 'bedrock'/);
});

t.test('a provider of the config alone', async t => {
  const demo = await startDemoOrigin({ eventDelayMs: 0 });
  t.teardown(() => demo.close());
  const url = await gateway(t, {
    providers: { lab: { origin: demo.origin, dialect: 'openai', auth: 'none' } },
  });
  const { status, stdout } = await runMain(['verify', '--url', url, '--provider', 'lab']);
  t.equal(status, 0, stdout);
  t.match(stdout, `${url}/lab/v1`);
  const unknown = await runMain(['verify', '--url', url, '--provider', 'lib']);
  t.equal(unknown.status, 1);
  t.match(unknown.stderr, /404 \(from Weir, unknown_provider\)/);
});

t.test('JSON for scripts', async t => {
  const url = await gateway(t, { providers: { demo: {} } });
  const good = await runMain(['verify', '--url', url, '--json']);
  t.match(JSON.parse(good.stdout), {
    ok: true,
    url,
    path: '/demo/v1',
    steps: ['health', 'models', 'answer', 'stream'].map(step => ({ step, outcome: 'ok' })),
  });
  const bad = await runMain(['verify', '--url', 'http://127.0.0.1:1', '--json']);
  t.equal(bad.status, 1);
  t.match(JSON.parse(bad.stdout), { ok: false, steps: [{ step: 'health', outcome: 'failed' }] });
});

t.test('a gateway that is not there', async t => {
  const { status, stdout, stderr } = await runMain(['verify', '--url', 'http://127.0.0.1:1']);
  t.equal(status, 1);
  t.match(stdout, /failed {3}health/);
  t.equal(stdout.match(/skipped/g)?.length, 3);
  t.match(stderr, /health failed: \S/);
});

t.test('arguments that make no sense are exit 2', async t => {
  for (const argv of [
    ['--url', 'ftp://x'],
    ['--url', 'nonsense'],
    ['--timeout', '0'],
    ['--timeout', 'soon'],
  ]) {
    const { status, stderr } = await runMain(['verify', ...argv]);
    t.equal(status, 2, argv.join(' '));
    t.match(stderr, argv[0]!);
  }
});

t.test('what is wrong with an answer is said', async t => {
  const chat = '/v1/chat/completions';
  const text =
    (body: string, type = 'application/json') =>
    (_req: IncomingMessage, res: ServerResponse) =>
      void res.writeHead(200, { 'content-type': type }).end(body);
  const piece = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n';
  const cases: readonly (readonly [string, (req: IncomingMessage, res: ServerResponse) => void, RegExp])[] = [
    [
      '/health',
      (_req, res) => void res.writeHead(503).end('gone\u001b[31m'),
      /health failed: 503 .*gone \[31m$/m,
    ],
    ['/v1/models', text('<html>'), /models failed: the answer is not JSON/],
    ['/v1/models', text('{}'), /models failed: the answer is not a list/],
    ['/v1/models', text('{"data":[]}'), /models failed: the list of models is empty/],
    [
      '/v1/models',
      (_req, res) => void res.writeHead(301, { location: 'https://elsewhere.example/v1/models' }).end(),
      /301: redirected to https:\/\/elsewhere\.example/,
    ],
    [chat, text('{"choices":[]}'), /answer failed: the answer holds no text/],
    [
      chat,
      (_req, res) => void res.writeHead(401).end('{"error":{"message":"bad key sk-mine-123"}}'),
      /bad key \[redacted\]/,
    ],
    [
      chat,
      (_req, res) => void res.writeHead(403, { 'x-weir-error': 'not_granted' }).end('{"message":"no"}'),
      /403 \(from Weir, not_granted\): no/,
    ],
    [
      chat,
      whenStreaming(text(piece.replace('hi', ''), 'text/event-stream')),
      /stream failed: the stream holds no text/,
    ],
    [chat, whenStreaming(text('{"choices":[]}')), /stream failed: the answer is not a stream/],
    [
      chat,
      whenStreaming(
        text(`${piece}event: error\ndata: {"error":{"message":"overloaded"}}\n\n`, 'text/event-stream'),
      ),
      /stream failed: the stream says: overloaded/,
    ],
    [
      chat,
      whenStreaming((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write(piece, () => res.destroy());
      }),
      /stream failed: the answer broke off before its end/,
    ],
  ];
  for (const [path, answer, reason] of cases) {
    const url = await standIn(t, { [path]: answer });
    const { status, stdout, stderr } = await runMain(['verify', '--url', url, '--key', 'sk-mine-123']);
    t.equal(status, 1, String(reason));
    t.match(stderr, reason);
    t.notMatch(stdout + stderr, /sk-mine-123/);
    t.notOk((stdout + stderr).includes('\u001b'), 'control codes of a server do not reach the terminal');
  }
});

/** Answers a call that asks for no stream as it should be, the other one with `answer`. */
function whenStreaming(answer: (req: IncomingMessage, res: ServerResponse) => void) {
  return (req: IncomingMessage, res: ServerResponse): void => {
    let body = '';
    req.on('data', chunk => {
      body += chunk;
    });
    req.on('end', () => {
      if (body.includes('"stream":true')) answer(req, res);
      else res.end('{"choices":[{"message":{"content":"hello"}}]}');
    });
  };
}

t.test('an answer that does not come is given up', async t => {
  const url = await standIn(t, { '/v1/models': () => {} });
  const { status, stderr } = await runMain(['verify', '--url', url, '--timeout', '0.05']);
  t.equal(status, 1);
  t.match(stderr, /models failed: no answer in time \(--timeout\)/);
});
