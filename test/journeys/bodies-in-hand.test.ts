import t from 'tap';
import { readAnswer, requestBytes } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, startLab } from './lab.ts';

const ROOM = 256 << 10;
const CHAT = '/openai/v1/chat/completions';

const lab = await startLab(t, {
  config: {
    limits: { bodiesInHandBytes: ROOM },
    auth: { staticKeys: [{ id: 'team', key: 'env:TEST_CLIENT_KEY', grant: { models: ['m'] } }] },
  },
});
lab.up.reply(up.respond(200, [], '{}'));

/** A body of `bytes` whose model is known only at its end. */
function bodyOf(bytes: number): Buffer {
  const frame = '{"x":"","model":"m"}';
  return Buffer.from(`{"x":"${'x'.repeat(bytes - frame.length)}","model":"m"}`);
}

/** Sends all of a body but its last byte; gives what sends that. */
async function halfway(body: Buffer) {
  const client = await lab.connect(t);
  const fields: Fields = [...AS_TEAM, ['Content-Length', String(body.length)]];
  await client.send(requestBytes({ target: CHAT, method: 'POST', fields }));
  await client.send(body.subarray(0, -1));
  return client;
}

t.test('bodies that must be read whole share one room', async t => {
  const body = bodyOf(160 << 10);
  const first = await halfway(body);
  let refused = 0;
  // What was sent of the first may still be on its way when the next one is asked.
  while (refused === 0) {
    const answer = await lab.ask({ target: CHAT, fields: AS_TEAM, body });
    if (answer.status === 200) continue;
    t.equal(answer.status, 503);
    t.equal(answer.head.value('x-weir-error'), 'overloaded');
    t.equal(answer.head.value('retry-after'), '1');
    refused++;
  }
  t.equal(
    (await lab.ask({ target: CHAT, fields: AS_TEAM, body: bodyOf(60 << 10) })).status,
    200,
    'small ones pass',
  );
  await first.send(body.subarray(-1));
  t.equal((await readAnswer(first, 'POST')).status, 200, 'who has room keeps it');
  t.equal((await lab.ask({ target: CHAT, fields: AS_TEAM, body })).status, 200, 'the room is given back');
});

t.test('room is given back when a client leaves', async t => {
  const body = bodyOf(200 << 10);
  const client = await halfway(body);
  client.destroy();
  let status = 0;
  while (status !== 200) ({ status } = await lab.ask({ target: CHAT, fields: AS_TEAM, body }));
  t.equal(status, 200);
});

t.test('what would never find room is too large', async t => {
  const { status } = await lab.ask({ target: CHAT, fields: AS_TEAM, body: bodyOf(ROOM + 1) });
  t.equal(status, 413);
});

t.test('room is given back once, whatever still comes of a refused upload', async t => {
  const slow = await startLab(t, {
    config: {
      limits: { bodiesInHandBytes: ROOM },
      timeouts: { bodyIdleMs: 1000 },
      auth: { staticKeys: [{ id: 'team', key: 'env:TEST_CLIENT_KEY', grant: { models: ['m'] } }] },
    },
  });
  slow.up.reply(up.respond(200, [], '{}'));
  const body = bodyOf(200 << 10);
  const client = await slow.connect(t);
  const fields: Fields = [...AS_TEAM, ['Content-Length', String(body.length)]];
  await client.send(requestBytes({ target: CHAT, method: 'POST', fields }));
  await client.send(body.subarray(0, -100));
  t.equal((await readAnswer(client, 'POST')).status, 408);
  await client.send(body.subarray(-100, -1));
  await client.ended();
  t.equal((await slow.ask({ target: CHAT, fields: AS_TEAM, body })).status, 200);
});
