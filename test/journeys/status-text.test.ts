import t from 'tap';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, POOL_KEY, startLab } from './lab.ts';

const lab = await startLab(t);
const CHAT = '/openai/v1/chat/completions';

/** An answer with that status text, in each framing. */
function framings(status: number, reason: string, body: string): readonly up.Script[] {
  const length: Fields = [['Content-Length', String(body.length)]];
  const chunked: Fields = [['Transfer-Encoding', 'chunked']];
  return [
    [up.head(status, length, reason), up.raw(body)],
    [up.head(status, chunked, reason), up.chunk(body), up.last()],
    [up.head(status, [['Connection', 'close']], reason), up.raw(body), up.fin()],
  ];
}

t.test('status text whose bytes are not UTF-8 is replaced, and the answer comes whole', async t => {
  for (const reason of ['Caf\xe9', '\xff', 'cut \xe2\x82', '\xc3\x28 K']) {
    for (const script of framings(200, reason, 'the whole body')) {
      lab.up.reply(script);
      const { answer, fact } = await lab.askForFact({ target: '/lab/v1/x' });
      t.equal(answer.head.head.startLine, 'HTTP/1.1 200 OK', JSON.stringify(reason));
      t.equal(String(answer.body), 'the whole body');
      t.equal(answer.ending, 'complete');
      t.match(fact, { status: 200, outcome: 'complete', errorCode: null, responseBytes: 14 });
    }
  }
  await lab.check(t);
});

t.test('status text in UTF-8 keeps its bytes', async t => {
  for (const text of ['grüße', 'caf\u00e9', '€ 5', '好的', '🙂 fine', 'Very Well', 'a\tb']) {
    const reason = Buffer.from(text).toString('latin1');
    for (const script of framings(200, reason, 'ok')) {
      lab.up.reply(script);
      const { answer, fact } = await lab.askForFact({ target: '/lab/v1/x' });
      t.equal(answer.head.reason, reason, text);
      t.equal(String(answer.body), 'ok');
      t.match(fact, { status: 200, outcome: 'complete' });
    }
  }
});

t.test('without status text the default one stands', async t => {
  lab.up.reply([up.raw('HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok')]);
  const answer = await lab.ask({ target: '/lab/v1/x' });
  t.equal(answer.head.head.startLine, 'HTTP/1.1 200 OK');
  t.equal(String(answer.body), 'ok');
});

t.test('status text that repeats the pool key is not relayed', async t => {
  for (const status of [200, 403]) {
    for (const script of framings(status, `Bad key ${POOL_KEY}!`, '{}')) {
      lab.up.reply(script);
      const { answer, fact } = await lab.askForFact({ target: CHAT, fields: AS_TEAM, body: '{"model":"m"}' });
      t.notOk(answer.head.head.raw.includes(POOL_KEY), 'not in the head');
      t.equal(answer.head.reason, status === 200 ? 'OK' : 'Forbidden');
      t.equal(String(answer.body), '{}');
      t.match(fact, { status, outcome: 'complete' });
    }
  }
  lab.up.reply([up.head(403, [['Content-Length', '2']], 'Bad Key'), up.raw('{}')]);
  const other = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"model":"m"}' });
  t.equal(other.head.reason, 'Bad Key', 'another one is');
});

t.test('afterwards all is well', t => lab.check(t));
