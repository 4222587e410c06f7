import t from 'tap';
import { exchange, RawClient, requestBytes } from '../client/index.ts';
import { startWeir } from '../process/index.ts';
import { chunk, gate, head, last, respond, Upstream } from '../upstream/index.ts';
import { ConfigReplacer } from './replace-config.ts';

const KEY = 'team-a-5b1d77aa90c34e';
const ADMIN = 'admin-0d8f41b2c97e5a36';
const fields = [['Authorization', `Bearer ${KEY}`]] as const;

t.test('a denial survives reloads that take the deny set out and in, and a kill', async t => {
  const up = await Upstream.start();
  t.teardown(() => up.close());
  up.reply(respond(200, [], '{}'));
  const open = gate();
  up.on('POST', '/v1/responses', [head(200, [['Transfer-Encoding', 'chunked']]), chunk('a'), open, last()]);
  const config = {
    listen: { port: 0 },
    ops: { port: 0, adminKeys: [{ key: 'env:TEST_ADMIN', role: 'operator' }] },
    providers: { openai: { origin: up.origin, keys: ['env:TEST_POOL'] } },
    auth: { staticKeys: [{ id: 'team-a', key: 'env:TEST_KEY' }] },
  };
  const env = { TEST_ADMIN: ADMIN, TEST_POOL: 'sk-pool-1', TEST_KEY: KEY };
  const weir = await startWeir(t, { config: { ...config, deny: {} }, env });
  const ask = (port: number) =>
    exchange(port, { target: '/openai/v1/chat/completions', fields, body: '{"model":"m"}' });

  // Something of the first config goes on while the others come.
  const streaming = await RawClient.connect(weir.port);
  t.teardown(() => streaming.destroy());
  await streaming.send(requestBytes({ target: '/openai/v1/responses', fields, body: '{"model":"m"}' }));
  t.equal((await streaming.expectHead()).status, 200);
  const replacer = new ConfigReplacer(weir);
  await replacer.serve(config);
  await replacer.serve({ ...config, deny: {} });

  const added = await fetch(`http://127.0.0.1:${weir.opsPort}/deny`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'key', id: 'team-a', reason: 'leaked' }),
  });
  t.equal(added.status, 201);
  t.equal((await ask(weir.port)).status, 401);
  open.open();
  await weir.stop('SIGKILL');

  const again = await startWeir(t, { config: { ...config, deny: {} }, env, cwd: weir.folder });
  t.equal((await ask(again.port)).status, 401);
});
