import t from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import {
  postWebhook,
  signWebhook,
  type WebhookPost,
  webhookSecretProblem,
} from '../../../lib/usage/webhook/sign-webhook.ts';
import { within } from '../../deadline/index.ts';
import { closedPort } from '../../upstream/index.ts';
import { Receiver } from './receiver.ts';

/** The vector that implementations of Standard Webhooks share. */
const SECRET = new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const AT_S = 1614265330;
const BODY = '{"test": 2432232314}';

function postTo(url: string, members: Partial<WebhookPost> = {}): WebhookPost {
  const nowMs = AT_S * 1000 + 999;
  return { url, secret: SECRET, id: ID, nowMs, body: BODY, contentType: 'application/json', ...members };
}

t.test('the signature is the one that other implementations make', async t => {
  const expected = {
    'webhook-id': ID,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  t.strictSame(signWebhook(SECRET, ID, AT_S, BODY), expected);
  t.strictSame(signWebhook(SECRET, ID, AT_S, Buffer.from(BODY)), expected, 'bytes are text');
  const raw = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  t.notSame(signWebhook(new Secret(raw.toString('latin1')), ID, AT_S, BODY), expected, 'plain text is UTF-8');
  const plain = signWebhook(new Secret('correct horse battery'), ID, AT_S, BODY);
  t.notSame(plain, signWebhook(new Secret('correct horse batterz'), ID, AT_S, BODY));
});

t.test('a secret that protects nothing is refused, without repeating it', async t => {
  t.equal(webhookSecretProblem(SECRET), null);
  t.equal(webhookSecretProblem(new Secret('sixteen letters!')), null);
  for (const bad of ['short', 'whsec_', 'whsec_c2hvcnQ=', 'whsec_not base64 at all, really']) {
    const problem = webhookSecretProblem(new Secret(bad));
    t.type(problem, 'string', bad);
    t.notOk(bad !== 'whsec_' && problem!.includes(bad));
  }
});

t.test('a message arrives signed, with its body as it is', async t => {
  const receiver = await Receiver.start(t);
  t.strictSame(await postWebhook(postTo(receiver.url)), { result: 'delivered' });
  const [{ headers, body, path }] = receiver.posted as [(typeof receiver.posted)[0]];
  t.equal(path, '/facts');
  t.equal(body, BODY);
  t.equal(headers['content-type'], 'application/json');
  t.equal(headers['webhook-id'], ID);
  t.equal(headers['webhook-signature'], 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

t.test('what each answer means', async t => {
  const receiver = await Receiver.start(t);
  const answers: readonly [number, Record<string, string>, object][] = [
    [200, {}, { result: 'delivered' }],
    [299, {}, { result: 'delivered' }],
    [302, { location: receiver.url }, { result: 'rejected', problem: 'it answered 302' }],
    [307, { location: receiver.url }, { result: 'rejected', problem: 'it answered 307' }],
    [400, {}, { result: 'rejected', problem: 'it answered 400' }],
    [404, { 'retry-after': '9' }, { result: 'rejected', problem: 'it answered 404' }],
    [410, {}, { result: 'gone', problem: 'it answered 410' }],
    [429, { 'retry-after': '7' }, { result: 'retry', afterMs: 7000, problem: 'it answered 429' }],
    [503, {}, { result: 'retry', afterMs: null, problem: 'it answered 503' }],
    [503, { 'retry-after': 'soon' }, { result: 'retry', afterMs: null, problem: 'it answered 503' }],
    [503, { 'retry-after': '99999999' }, { result: 'retry', afterMs: 3_600_000, problem: 'it answered 503' }],
    [
      500,
      { 'retry-after': new Date((AT_S + 61) * 1000).toUTCString() },
      { result: 'retry', afterMs: 60_001, problem: 'it answered 500' },
    ],
    [
      500,
      { 'retry-after': new Date((AT_S - 61) * 1000).toUTCString() },
      { result: 'retry', afterMs: 0, problem: 'it answered 500' },
    ],
  ];
  for (const [status, headers, expected] of answers) {
    receiver.respond = response => response.writeHead(status, headers).end('a canary in the body');
    t.strictSame(await postWebhook(postTo(receiver.url)), expected, String(status));
  }
  t.equal(receiver.posted.length, answers.length, 'no redirect was followed');
});

t.test('a body without end, no answer, and nobody there hold nothing up', async t => {
  const receiver = await Receiver.start(t);
  let written = 0;
  receiver.respond = response => {
    response.writeHead(500);
    const more = (): void => {
      do written += 65_536;
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', more);
    more();
  };
  const endless = await within(postWebhook(postTo(receiver.url)), 'an answer without end');
  t.equal(endless.result, 'retry');
  t.ok(written > 0 && written < 16 * 1024 * 1024, `${written} bytes were written`);

  receiver.respond = () => {};
  t.strictSame(await within(postWebhook(postTo(receiver.url, { timeoutMs: 50 })), 'no answer'), {
    result: 'retry',
    afterMs: null,
    problem: 'no answer within 50 ms',
  });
  const stop = new AbortController();
  const given = postWebhook(postTo(receiver.url, { signal: stop.signal }));
  stop.abort();
  t.match(await within(given, 'giving up'), { result: 'retry', problem: 'given up' });

  const gone = await postWebhook(postTo(`http://127.0.0.1:${await closedPort()}/`));
  t.strictSame(gone, { result: 'retry', afterMs: null, problem: 'ECONNREFUSED' });
  receiver.respond = response => response.destroy();
  t.match(await within(postWebhook(postTo(receiver.url)), 'a reset'), { result: 'retry', afterMs: null });
});
