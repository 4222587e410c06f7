import t, { type Test } from 'tap';
import { type RawClient, readAnswer, requestBytes } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { startLab } from './lab.ts';

const lab = await startLab(t);

interface Asked {
  readonly client: RawClient;
  /** Request ids, by target. */
  readonly ids: ReadonlyMap<string, string>;
}

/** Sends a GET for each target in one write, on a connection of its own. */
async function pipeline(t: Test, targets: readonly string[]): Promise<Asked> {
  const client = await lab.connect(t);
  const ids = new Map<string, string>();
  const requests = targets.map(target => {
    const { id, field } = lab.tag();
    ids.set(target, id);
    return requestBytes({ target, fields: [field] });
  });
  await client.send(Buffer.concat(requests));
  return { client, ids };
}

async function expectWhole(t: Test, client: RawClient, status: number, body?: string): Promise<void> {
  const answer = await readAnswer(client, 'GET');
  t.equal(answer.status, status);
  t.equal(answer.ending, 'complete');
  if (body !== undefined) t.equal(String(answer.body), body);
}

const LENGTH: Fields = [['Content-Length', '100']];
const CHUNKED: Fields = [['Transfer-Encoding', 'chunked']];
const CUT_SHORT: readonly (readonly [string, up.Script])[] = [
  ['a reset in a chunked body', [up.head(200, CHUNKED), up.chunk('part'), up.rst()]],
  ['a FIN in a chunked body', [up.head(200, CHUNKED), up.chunk('part'), up.fin()]],
  ['a reset in a body with a length', [up.head(200, LENGTH), up.raw('part'), up.rst()]],
  ['a FIN in a body with a length', [up.head(200, LENGTH), up.raw('part'), up.fin()]],
];

for (const [name, script] of CUT_SHORT) {
  t.test(
    `${name} behind an answer under way: that one ends whole, then the connection breaks off`,
    async t => {
      const first = up.gate();
      lab.up.on('GET', '/a', [first, ...up.respond(200, [], 'A')], { once: true });
      lab.up.on('GET', '/b', script, { once: true });
      const { client, ids } = await pipeline(t, ['/lab/a', '/lab/b']);
      await first.reached;
      t.match(await lab.fact(ids.get('/lab/b')!), { outcome: 'upstreamTruncated', status: 200 });
      t.equal(client.reader.received, 0, 'nothing has been answered yet');
      first.open();
      await expectWhole(t, client, 200, 'A');
      const head = await client.readHead();
      if (head !== null) {
        const body = client.body(head, 'GET');
        t.ok('part'.startsWith(String(await body.all())), 'no byte that the provider did not send');
        t.match(body.ending, /^(?:reset|finEarly)$/, 'never a clean end');
      }
      await within(client.ended(), 'the connection to end');
      t.match(await lab.fact(ids.get('/lab/a')!), { outcome: 'complete' });
    },
  );
}

t.test('what is pipelined behind a refused request neither runs nor is answered', async t => {
  const first = up.gate();
  lab.up.on('GET', '/a', [first, ...up.respond(200, [], 'A')], { once: true });
  lab.up.on('GET', '/c', up.respond(200, [], 'C'));
  const { client, ids } = await pipeline(t, ['/lab/a', '/nobody/b', '/lab/c']);
  await first.reached;
  t.match(await lab.fact(ids.get('/nobody/b')!), { outcome: 'refused', errorCode: 'unknown_provider' });
  first.open();
  await expectWhole(t, client, 200, 'A');
  await expectWhole(t, client, 404);
  t.equal(String(await client.reader.rest()), '', 'nothing comes after the refusal');
  t.match(await lab.fact(ids.get('/lab/a')!), { outcome: 'complete' });
  await lab.check(t);
  t.notOk(
    lab.up.requests.some(({ target }) => target === '/c'),
    'the third reached no provider',
  );
  t.notOk(
    lab.weir.facts.some(({ requestId }) => requestId === ids.get('/lab/c')),
    'and settled no fact',
  );
});

t.test('with nothing behind the refused request the connection serves on', async t => {
  const first = up.gate();
  lab.up.on('GET', '/a', [first, ...up.respond(200, [], 'A')], { once: true });
  lab.up.on('GET', '/later', up.respond(200, [], 'later'));
  const { client, ids } = await pipeline(t, ['/lab/a', '/nobody/b']);
  await first.reached;
  await lab.fact(ids.get('/nobody/b')!);
  first.open();
  await expectWhole(t, client, 200, 'A');
  await expectWhole(t, client, 404);
  await client.send(requestBytes({ target: '/lab/later' }));
  await expectWhole(t, client, 200, 'later');
});

t.test('answers come in the order of the requests, however they end upstream', async t => {
  const first = up.gate();
  lab.up.on('GET', '/a', [first, ...up.chunked(200, [], ['A', 'a'])], { once: true });
  lab.up.on('GET', '/b', up.chunked(200, [], ['B', 'b']), { once: true });
  const { client, ids } = await pipeline(t, ['/lab/a', '/lab/b']);
  await first.reached;
  await lab.fact(ids.get('/lab/b')!);
  first.open();
  await expectWhole(t, client, 200, 'Aa');
  await expectWhole(t, client, 200, 'Bb');
});

t.test('afterwards all is well', t => lab.check(t));
