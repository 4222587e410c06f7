import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SettingsLoader } from '../../../lib/gateway/index.ts';
import { exchange } from '../../client/index.ts';
import { within } from '../../deadline/index.ts';
import { samplesOf, total } from '../../journeys/prometheus.ts';
import { startWeir, type WeirProcess } from '../../process/index.ts';
import { chunk, gate, head, last, respond, Upstream } from '../../upstream/index.ts';

/** Serves whatever `answer` does; counts how often it was asked. */
class ListServer {
  answer: (req: IncomingMessage, res: ServerResponse) => void = (_, res) => res.writeHead(500).end();
  readonly tags: (string | undefined)[] = [];
  url = '';

  static async start(t: Test): Promise<ListServer> {
    const list = new ListServer();
    const server = createServer((req, res) => {
      list.tags.push(req.headers['if-none-match']);
      list.answer(req, res);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    list.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prices.json?token=CANARY`;
    return list;
  }

  /** Gives a list with one model at a price, under a tag. */
  give(usd: number, tag: string): void {
    const text = JSON.stringify({ 'm-1': { litellm_provider: 'lab', input_cost_per_token: usd } });
    this.answer = (req, res) => {
      if (req.headers['if-none-match'] === tag) res.writeHead(304).end();
      else res.writeHead(200, { etag: tag }).end(text);
    };
  }
}

const BODY = JSON.stringify({ model: 'm-1', choices: [], usage: { prompt_tokens: 1000 } });
const JSON_TYPE: [string, string][] = [['Content-Type', 'application/json']];

interface Lab {
  readonly up: Upstream;
  readonly weir: WeirProcess;
  /** What a request of 1000 tokens costs now. */
  readonly cost: (id: string) => Promise<number | null>;
  readonly ready: () => Promise<string>;
}

async function start(t: Test, prices: string, cwd: string, refresh = '1h'): Promise<Lab> {
  const up = await Upstream.start();
  t.teardown(() => up.close());
  const weir = await startWeir(t, {
    cwd,
    config: {
      ops: {},
      providers: { lab: { origin: up.origin, dialect: 'openai', auth: 'none' } },
      usage: { store: 'none', prices, pricesRefreshMs: refresh },
    },
  });
  const cost = async (id: string): Promise<number | null> => {
    up.reply(respond(200, JSON_TYPE, BODY), { once: true });
    const fields: [string, string][] = [['X-Request-Id', id], ...JSON_TYPE];
    await exchange(weir.port, { method: 'POST', target: '/lab/v1/chat/completions', fields, body: '{}' });
    // A fact is in the journal before the last byte of its answer is out.
    return weir.journal().facts.find(({ requestId }) => requestId === id)!.costNanos;
  };
  const ready = async () => String((await exchange(weir.opsPort, { target: '/readyz' })).body);
  return { up, weir, cost, ready };
}

t.test('prices from an address are there at the start, and the last good ones at the next', async t => {
  const list = await ListServer.start(t);
  const cwd = t.testdir();
  list.give(2e-6, '"a"');
  const first = await start(t, list.url, cwd);
  t.equal(await first.cost('one'), 2_000_000);
  t.match(await first.ready(), '"ready"');
  await first.weir.stop();
  t.ok(existsSync(join(cwd, 'data/prices.last.json')));
  list.answer = (_, res) => res.writeHead(200).end('{"m-1":{"litellm_provider":"lab",}');
  const second = await start(t, list.url, cwd);
  t.equal(await second.cost('two'), 2_000_000, 'one bad brace, and the old prices stand');
  await second.weir.line(({ text }) => text.includes('is not JSON'), 'that the list is bad');
  const ready = await second.ready();
  t.match(ready, 'price_list_stale');
  t.match(ready, '"degraded"');
  t.equal(list.tags.at(-1), '"a"');
  const page = String((await exchange(second.weir.opsPort, { target: '/metrics' })).body);
  t.equal(total(samplesOf(page), 'weir_price_list_failures_total'), 1);
  t.notMatch(first.weir.output + second.weir.output + ready, 'CANARY', 'a token in the address');
});

t.test('a list that comes late is taken while requests run, and those keep what they began with', async t => {
  const list = await ListServer.start(t);
  const late = gate();
  list.answer = (_, res) => {
    const text = JSON.stringify({ 'm-1': { litellm_provider: 'lab', input_cost_per_token: 3e-6 } });
    void late({} as never)?.then(() => res.writeHead(200).end(text));
  };
  const { up, weir, cost, ready } = await start(t, list.url, t.testdir());
  t.equal(await cost('before'), null);
  t.match(await ready(), 'price_list_missing');
  const end = gate();
  up.reply([head(200, [...JSON_TYPE, ['Transfer-Encoding', 'chunked']]), end, chunk(BODY), last()], {
    once: true,
  });
  const fields: [string, string][] = [['X-Request-Id', 'through'], ...JSON_TYPE];
  const running = exchange(weir.port, {
    method: 'POST',
    target: '/lab/v1/chat/completions',
    fields,
    body: '{}',
  });
  await end.reached;
  late.open();
  await weir.line(({ text }) => text.includes('new list of prices'), 'that it serves');
  end.open();
  await running;
  const through = weir.journal().facts.find(({ requestId }) => requestId === 'through');
  t.equal(through!.costNanos, null);
  t.equal(await cost('after'), 3_000_000);
  t.match(await ready(), '"ready"');
});

t.test('an address that never answers keeps no process from its end', async t => {
  const list = await ListServer.start(t);
  list.answer = () => {};
  const { weir } = await start(t, list.url, t.testdir());
  const stopped = within(weir.stop('SIGINT'), 'the process to end');
  t.equal((await stopped).code, 0);
});

t.test('a file of prices is read again at a reload', async t => {
  const cwd = t.testdir();
  const file = join(cwd, 'prices.json');
  const write = (usd: number) =>
    writeFileSync(file, JSON.stringify({ 'm-1': { litellm_provider: 'lab', input_cost_per_token: usd } }));
  write(1e-6);
  const { weir, cost } = await start(t, './prices.json', cwd);
  t.equal(await cost('one'), 1_000_000);
  write(0.0000045);
  weir.signal('SIGHUP');
  await weir.line(({ text }) => /reload/i.test(text), 'that it reloaded');
  t.equal(await cost('two'), 4_500_000);
});

t.test('addresses that prices cannot come from are refused', async t => {
  const refused = (prices: string): string => {
    const result = new SettingsLoader({}).load({ object: { usage: { store: 'none', prices } } });
    return result.ok ? 'ok' : result.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  };
  t.match(refused('http://example.com/prices.json'), /usage\.prices: prices make bills/);
  t.match(refused('http://11.0.0.1/prices.json'), /plain http/);
  t.match(refused('https://me:word@example.com/prices.json'), /password/);
  t.notMatch(refused('https://me:word@example.com/prices.json'), 'word@');
  t.match(refused('./nowhere.json'), /cannot be read \(ENOENT\)/);
  for (const good of [
    'https://example.com/prices.json',
    'http://127.0.0.1:9/p.json',
    'http://[::1]/p.json',
    'http://10.1.2.3/p.json',
    'http://localhost/p.json',
  ])
    t.equal(refused(good), 'ok', good);
});
