import t from 'tap';
import { startWeir } from '../process/index.ts';
import { openStream, restOf, startServing } from './serving.ts';

const CONFIG = { listen: { port: 0 }, providers: { demo: {} }, drain: { lameDuckMs: 0 } };

t.test('the real process lets a stream finish after SIGINT and exits with 0', async t => {
  const weir = await startWeir(t, { config: { ...CONFIG, drain: {} } });
  t.equal(weir.stdout.split('\n')[0], `Weir listens on ${weir.origin}`);
  const reader = await openStream(weir.origin);
  weir.signal('SIGINT');
  await weir.line(({ text }) => text.startsWith('Draining'), 'the drain');
  t.match(await restOf(reader), /data: \[DONE\]\n\n$/);
  t.same(await weir.exited(), { code: 0, signal: null });
});

t.test('a second signal ends the real process at once', async t => {
  const weir = await startWeir(t, { config: CONFIG });
  const reader = await openStream(weir.origin);
  weir.signal('SIGTERM');
  await weir.line(({ text }) => text.startsWith('Draining'), 'the drain');
  weir.signal('SIGTERM');
  t.same(await weir.exited(), { code: 143, signal: null });
  await t.rejects(restOf(reader), 'the stream did not end as if it were whole');
});

t.test('SIGTERM drains too, and SIGINT twice ends at once', async t => {
  const drained = await startServing(t, CONFIG);
  const whole = await openStream(drained.url);
  drained.signals.emit('SIGTERM');
  t.match(await restOf(whole), /data: \[DONE\]\n\n$/);
  t.equal(await drained.status, 0);

  const cut = await startServing(t, CONFIG);
  const broken = await openStream(cut.url);
  cut.signals.emit('SIGINT');
  cut.signals.emit('SIGINT');
  t.equal(await cut.status, 130);
  await t.rejects(restOf(broken));
});
