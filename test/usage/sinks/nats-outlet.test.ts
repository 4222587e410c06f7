import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DiscardPolicy } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { Secret, systemClock } from '../../../lib/base/index.ts';
import type { House, Warning } from '../../../lib/pipeline/index.ts';
import { journalLine } from '../../../lib/usage/journal-line.ts';
import { NatsOutlet } from '../../../lib/usage/sinks/nats-outlet.ts';
import { Sink } from '../../../lib/usage/sinks/sink.ts';
import { Changes, within } from '../../deadline/index.ts';
import { type NatsAdmin, NatsServer, natsMissing } from '../../nats/index.ts';
import { factOf, factTexts } from '../../store/fact-text.ts';

const skip = natsMissing();
const SEGMENT = 'box-00000000000000aa-0-0.ndjson';
const STREAM = 'weir-facts';
const SUBJECT = 'weir.facts';

async function scene(t: Test, server: NatsServer, access: object = {}) {
  const journal = join(t.testdir(), 'journal');
  mkdirSync(journal);
  const warnings: Warning[] = [];
  const changes = new Changes();
  const warn = (warning: Warning): void => {
    warnings.push(warning);
    changes.notify();
  };
  const house = { clock: systemClock, instance: 'box', warn } as House;
  const settings = { servers: [server.url], stream: STREAM, subject: SUBJECT, ...access };
  const outlet = await NatsOutlet.open(settings, house);
  const sink = new Sink({ journal, outlet, warn, idleMs: 2 });
  t.teardown(() => sink.close());
  const write = (first: number, last: number): void => {
    let text = '';
    for (let seq = first; seq <= last; seq++) text += journalLine(factOf(seq));
    appendFileSync(join(journal, SEGMENT), text);
  };
  const warned = (code: string) => changes.until(() => warnings.find(warning => warning.code === code), code);
  return { sink, write, warnings, warned };
}

/** What a consumer finds in the stream: message ids, and texts, in order. */
async function contentOf({
  manager,
}: NatsAdmin): Promise<{ readonly ids: string[]; readonly texts: string[] }> {
  const { state } = await manager.streams.info(STREAM);
  const [ids, texts]: string[][] = [[], []];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(STREAM, { seq });
    ids!.push(message!.header.get('Nats-Msg-Id'));
    texts!.push(message!.string());
  }
  return { ids: ids!, texts: texts! };
}

t.test('facts are in the stream, which is made, each under its id', { skip }, async t => {
  const server = await NatsServer.start(t);
  const s = await scene(t, server);
  s.write(1, 600);
  t.equal(await s.sink.pass(), true);
  const admin = await server.admin();
  const { ids, texts } = await contentOf(admin);
  t.strictSame(texts, factTexts(1, 600));
  t.equal(ids[599], 'box:00000000000000aa:600');
  const { config } = await admin.manager.streams.info(STREAM);
  t.strictSame(config.subjects, [SUBJECT]);
  t.equal(config.duplicate_window, 600e9, 'ten minutes, as the docs say');
  t.equal(config.storage, 'file');
  t.strictSame(s.warnings, []);
});

t.test('killed and restarted in the middle: every fact is there, under its id once', { skip }, async t => {
  const server = await NatsServer.start(t);
  const s = await scene(t, server);
  s.write(1, 10);
  s.sink.start();
  const admin = await server.admin();
  const stored = async (): Promise<number> =>
    (await admin.manager.streams.info(STREAM).catch(() => null))?.state.messages ?? 0;
  while ((await stored()) < 10);
  s.write(11, 6000);
  // Not before something has been acknowledged, and not when all has.
  while ((await stored()) < 300);
  await server.kill();
  s.write(6001, 6100);
  await s.warned('sink_failing');
  t.match(s.sink.degraded(), [{ code: 'sink_failing', refuses: false }]);
  t.ok(s.sink.progress.backlogBytes > 0);
  await server.restart();
  await s.warned('sink_recovered');
  await within(s.sink.close(), 'what is left');
  const { ids } = await contentOf(await server.admin());
  t.equal(ids.length, 6100);
  t.equal(new Set(ids).size, 6100);
  t.equal(s.sink.progress.backlogBytes, 0);
  t.strictSame(
    s.warnings.map(({ code }) => code),
    ['sink_failing', 'sink_recovered'],
    'an outage is said once',
  );
});

t.test('what is sent again after a crash is in the stream once', { skip }, async t => {
  const server = await NatsServer.start(t);
  const first = await scene(t, server);
  first.write(1, 400);
  await first.sink.pass();
  // Its cursor was lost: everything goes again.
  const second = await scene(t, server);
  second.write(1, 401);
  t.equal(await second.sink.pass(), true);
  const { ids } = await contentOf(await server.admin());
  t.equal(ids.length, 401);
  t.equal(new Set(ids).size, 401);
});

t.test('who may only publish needs a stream that others made, and is told how', { skip }, async t => {
  const user = { user: 'weir', password: 'weir-password', publish: [SUBJECT], subscribe: ['_INBOX.>'] };
  const server = await NatsServer.start(t, { users: [user] });
  const s = await scene(t, server, { user: 'weir', password: new Secret('weir-password') });
  s.write(1, 3);
  t.equal(await s.sink.pass(), false);
  t.match(
    s.sink.degraded()[0]!.message,
    /nats stream add weir-facts --subjects weir\.facts --dupe-window 10m --defaults/,
  );
  const admin = await server.admin();
  await admin.manager.streams.add({ name: STREAM, subjects: ['weir.>'] });
  t.equal(await s.sink.pass(), true);
  t.strictSame((await contentOf(admin)).texts, factTexts(1, 3));
});

t.test('a subject that another stream holds is not filled', { skip }, async t => {
  const server = await NatsServer.start(t);
  const admin = await server.admin();
  await admin.manager.streams.add({ name: 'other', subjects: [SUBJECT] });
  const s = await scene(t, server);
  s.write(1, 3);
  t.equal(await s.sink.pass(), false);
  t.match(s.sink.degraded()[0]!.message, /weir\.facts belongs to another stream than weir-facts/);
  t.equal((await admin.manager.streams.info('other')).state.messages, 0);
  await admin.manager.streams.delete('other');
  await admin.manager.streams.add({ name: STREAM, subjects: ['elsewhere'] });
  t.equal(await s.sink.pass(), false);
  t.match(s.sink.degraded()[0]!.message, /the stream weir-facts does not hold weir\.facts/);
  await admin.manager.streams.delete(STREAM);
  t.equal(await s.sink.pass(), true);
  t.equal((await contentOf(admin)).ids.length, 3);
});

t.test('a stream that is full loses nothing', { skip }, async t => {
  const server = await NatsServer.start(t);
  const admin = await server.admin();
  await admin.manager.streams.add({
    name: STREAM,
    subjects: [SUBJECT],
    discard: DiscardPolicy.New,
    max_msgs: 5,
  });
  const s = await scene(t, server);
  s.write(1, 8);
  t.equal(await s.sink.pass(), false);
  t.match(s.sink.degraded()[0]!.message, /maximum messages/);
  await admin.manager.streams.update(STREAM, { max_msgs: 100 });
  t.equal(await s.sink.pass(), true);
  t.equal((await contentOf(admin)).ids.length, 8);
});
