import t, { type Test } from 'tap';
import { mintKey, newIssuer } from '../../lib/keys/token/mint.ts';
import { exchange } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { startWeir, type WeirProcess } from '../process/index.ts';
import { respond, Upstream } from '../upstream/index.ts';

const ADMIN_KEY = 'admin-3f0c58e1d2a94b77';
const issuer = newIssuer();
const skip = natsMissing();

function mint(subject: string, more: object = {}): string {
  const expires = new Date(Date.now() + 3_600_000);
  return mintKey(issuer.secretKey, { subject, expires, ...more });
}

class Fleet {
  readonly up: Upstream;
  readonly nats: NatsServer;
  readonly members: readonly WeirProcess[];

  constructor(up: Upstream, nats: NatsServer, members: readonly WeirProcess[]) {
    this.up = up;
    this.nats = nats;
    this.members = members;
  }

  static async start(t: Test, count: number, sections: (natsUrl: string) => object): Promise<Fleet> {
    const up = await Upstream.start();
    t.teardown(() => up.close());
    up.reply(respond(200, [['Content-Type', 'application/json']], '{}'));
    const nats = await NatsServer.start(t);
    const config = {
      providers: { openai: { origin: up.origin, keys: ['env:TEST_POOL_KEY'] } },
      auth: { issuers: [{ publicKey: issuer.publicKey }] },
      ops: { adminKeys: [{ key: 'env:TEST_ADMIN_KEY', role: 'operator' }] },
      ...sections(nats.url),
    };
    const env = { TEST_POOL_KEY: 'sk-pool-91', TEST_ADMIN_KEY: ADMIN_KEY };
    const members = await Promise.all(Array.from({ length: count }, () => startWeir(t, { config, env })));
    return new Fleet(up, nats, members);
  }

  /** The status of a request at a member. */
  async ask(member: WeirProcess, key: string): Promise<number> {
    const answer = await exchange(member.port, {
      target: '/openai/v1/chat/completions',
      fields: [
        ['Authorization', `Bearer ${key}`],
        ['Content-Type', 'application/json'],
      ],
      body: '{"model":"m"}',
    });
    return answer.status;
  }

  async ops(member: WeirProcess, method: string, path: string, body?: object): Promise<Response> {
    return fetch(`http://127.0.0.1:${member.opsPort}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Asks a member until it answers so; the time from `sinceMs`. */
  async untilStatus(member: WeirProcess, key: string, status: number, sinceMs: number): Promise<number> {
    const wanted = async (): Promise<number> => {
      while ((await this.ask(member, key)) !== status);
      return performance.now() - sinceMs;
    };
    return within(wanted(), `status ${status}`);
  }

  async untilReady(): Promise<void> {
    for (const member of this.members) {
      const ready = async (): Promise<void> => {
        while (
          ((await (await this.ops(member, 'GET', '/readyz')).json()) as { status: string }).status !== 'ready'
        );
      };
      await within(ready(), 'a member to be ready');
    }
  }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

t.test(
  'a key that is denied at one of three instances is refused by all within a second',
  { skip },
  async t => {
    const fleet = await Fleet.start(t, 3, url => ({ deny: { nats: { servers: [url] } } }));
    await fleet.untilReady();
    const delaysMs: number[] = [];
    for (let i = 0; i < 100; i++) {
      const key = mint('alice', { id: `key-${i}` });
      for (const member of fleet.members) t.equal(await fleet.ask(member, key), 200);
      const through = fleet.members[i % 3]!;
      const sinceMs = performance.now();
      const added = await fleet.ops(through, 'POST', '/deny', {
        kind: 'key',
        id: `key-${i}`,
        reason: 'test',
      });
      t.ok(added.ok, 'acknowledged');
      delaysMs.push(
        ...(await Promise.all(fleet.members.map(member => fleet.untilStatus(member, key, 401, sinceMs)))),
      );
    }
    delaysMs.sort((a, b) => a - b);
    const [p50, p99] = [quantile(delaysMs, 0.5), quantile(delaysMs, 0.99)];
    t.comment(`revocation over 3 instances, 100 keys: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
    t.ok(p99 < 1000, 'within a second');
  },
);

t.test('what is denied is restored, and survives NATS and restarts', { skip }, async t => {
  const fleet = await Fleet.start(t, 2, url => ({ deny: { nats: { servers: [url] } } }));
  const [one, two] = fleet.members as [WeirProcess, WeirProcess];
  await fleet.untilReady();
  const [alice, bob] = [mint('alice'), mint('bob')];
  t.equal((await fleet.ops(one, 'POST', '/deny', { kind: 'subject', id: 'alice', reason: 'left' })).ok, true);
  await fleet.untilStatus(two, alice, 401, 0);
  t.equal((await fleet.ops(two, 'DELETE', '/deny/subject/alice')).ok, true);
  await fleet.untilStatus(one, alice, 200, 0);
  t.equal((await fleet.ops(one, 'POST', '/deny', { kind: 'subject', id: 'bob', reason: 'spend' })).ok, true);
  await fleet.untilStatus(one, bob, 402, 0);
  await fleet.untilStatus(two, bob, 402, 0);

  await fleet.nats.kill();
  t.equal(await fleet.ask(one, alice), 200, 'traffic goes on without NATS');
  t.equal(await fleet.ask(two, bob), 402, 'the last known set is enforced');
  const refused = await fleet.ops(one, 'POST', '/deny', { kind: 'key', id: 'x', reason: 'test' });
  t.equal(refused.status, 503, 'nothing is half done');

  await fleet.nats.restart();
  const admin = await fleet.nats.admin();
  await admin.deleteBucket('weir-deny');
  const bucket = await admin.createBucket('weir-deny');
  const carol = mint('carol');
  await bucket.put(
    `subject.${Buffer.from('carol').toString('base64url')}`,
    JSON.stringify({ id: 'carol', reason: 'test' }),
  );
  await fleet.untilStatus(one, carol, 401, 0);
  await fleet.untilStatus(two, bob, 200, 0);
  t.equal(await fleet.ask(one, alice), 200);
});

t.test('a limit is held by all instances together', { skip }, async t => {
  const fleet = await Fleet.start(t, 3, url => ({ limits: { nats: { servers: [url] } } }));
  await fleet.untilReady();
  const key = mint('alice', { rpm: 60 });
  let admitted = 0;
  // Far more than the limit, one after the other at all of them, until all refuse.
  const refusing = new Set<WeirProcess>();
  for (let i = 0; refusing.size < 3; i++) {
    const member = fleet.members[i % 3]!;
    const status = await fleet.ask(member, key);
    if (status === 200) admitted++;
    else refusing.add(member);
    t.ok(status === 200 || status === 429);
    if (i > 3 * 60) break;
  }
  t.comment(`limit 60 a minute, 3 instances: ${admitted} admitted`);
  t.ok(admitted >= 60 * 0.9 && admitted < 3 * 60, 'not three times the limit');
});
