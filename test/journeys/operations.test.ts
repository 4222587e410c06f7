import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { mintKey, newIssuer } from '../../lib/keys/token/mint.ts';
import { facts } from '../../lib/store/engines/sqlite/migrations/0001-facts.ts';
import { read } from '../house/tree.ts';
import { respond } from '../upstream/index.ts';
import { AS_TEAM, CLIENT_KEY, type Lab, startLab } from './lab.ts';
import { CHAT, sharedFolder, startRecordsLab, until } from './records-lab.ts';
import { ConfigReplacer } from './replace-config.ts';

t.setTimeout(120_000);

const JSON_TYPE = [['Content-Type', 'application/json']] as const;

/** Asks again and again until it is stopped, and keeps the status of every answer. */
class Traffic {
  readonly statuses: number[] = [];
  #isOver = false;
  readonly #asking: Promise<void>;

  constructor(lab: Lab, key: () => string) {
    this.#asking = this.#ask(lab, key);
  }

  async #ask(lab: Lab, key: () => string): Promise<void> {
    while (!this.#isOver) {
      const fields = [['Authorization', `Bearer ${key()}`], ...JSON_TYPE] as const;
      const { status } = await lab.ask({ target: CHAT, fields, body: '{"model":"gpt-4o-mini"}' });
      this.statuses.push(status);
    }
  }

  /** Waits until some more were answered. */
  async goOn(): Promise<void> {
    const count = this.statuses.length;
    await until('further requests', async () => this.statuses.length > count + 5);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#asking;
  }

  get allWell(): boolean {
    return this.statuses.length > 5 && this.statuses.every(status => status === 200);
  }
}

/** As the guide says where the program is there, else with the same function of SQLite. */
async function backUp(t: { comment(text: string): void }, file: string, to: string): Promise<void> {
  const run = spawnSync('sqlite3', [file, `.backup ${to}`], { encoding: 'utf8' });
  if (run.error === undefined && run.status === 0) return;
  t.comment(`sqlite3 did not make the backup (${run.error?.message ?? run.stderr}): node:sqlite does`);
  const database = new DatabaseSync(file, { readOnly: true });
  await backup(database, to);
  database.close();
}

t.test('an older backup is filled from the journal; what it alone held is as it was then', async t => {
  const folder = sharedFolder(t);
  const data = join(folder, 'data');
  const first = await startRecordsLab(t, folder);
  const [stays, disabled, enabled] = [await first.create(), await first.create(), await first.create()];
  await first.call('POST', `/keys/${enabled.record.jti}/disable`);
  const traffic = new Traffic(first.lab, () => stays.key);
  await traffic.goOn();
  await backUp(t, join(data, 'weir.db'), join(folder, 'backup.db'));
  const head = await first.call<{ seq: number; hash: string }>('GET', '/audit/head');
  await first.call('POST', `/keys/${disabled.record.jti}/disable`);
  await first.call('POST', `/keys/${enabled.record.jti}/enable`);
  const younger = await first.create();
  t.equal(await first.use(younger.key), 200);
  const later = await first.call<{ seq: number; hash: string }>('GET', '/audit/head');
  await traffic.goOn();
  await traffic.stop();
  t.ok(traffic.allWell, `${traffic.statuses.length} requests`);
  await first.lab.weir.stop('SIGTERM');
  const written = first.lab.weir.journal().facts.map(({ id }) => id);
  for (const end of ['', '-wal', '-shm']) rmSync(join(data, `weir.db${end}`), { force: true });
  copyFileSync(join(folder, 'backup.db'), join(data, 'weir.db'));

  const second = await startRecordsLab(t, folder);
  const check = () => second.cli(t, 'usage', 'check', '-c', 'weir.yaml', '--json');
  await until('the journal in the store', async () => {
    const { stdout } = await check();
    return (JSON.parse(stdout) as { store: { notShipped: number } }).store.notShipped === 0;
  });
  const found = await check();
  t.equal(found.code, 0, found.stdout);
  const store = new DatabaseSync(join(data, 'weir.db'), { readOnly: true, timeout: 10_000 });
  const ids = store
    .prepare('SELECT id FROM facts')
    .all()
    .map(({ id }) => String(id));
  store.close();
  t.strictSame(
    written.filter(id => !ids.includes(id)),
    [],
  );
  t.equal(new Set(ids).size, ids.length);
  const verify = (at: { seq: number; hash: string }) =>
    second.cli(t, 'audit', 'verify', '-c', 'weir.yaml', '--head', `${at.seq}:${at.hash}`);
  t.equal((await verify(head)).code, 0, 'the chain leads past the head of the backup');
  t.equal((await verify(later)).code, 1, 'and a head of later tells that it was restored');
  t.equal(await second.use(stays.key), 200);
  t.equal(await second.use(disabled.key), 401, 'what was refused after the backup is refused still');
  t.equal(await second.use(younger.key), 200, 'a key made after the backup holds by its signature');
  t.equal(await second.call('GET', `/keys/${younger.record.jti}`), '404 not_found', 'without a record');
  await until('the record to be followed', async () => (await second.use(enabled.key)) === 401);
});

t.test('an issuer is rotated and no request is refused', async t => {
  const [old, young] = [newIssuer(), newIssuer()];
  const lab = await startLab(t, { config: { auth: { issuers: [{ publicKey: old.publicKey }] } } });
  lab.up.reply(respond(200, JSON_TYPE, '{}'));
  const config = JSON.parse(readFileSync(join(lab.weir.folder, 'weir.yaml'), 'utf8')) as object;
  const replacer = new ConfigReplacer(lab.weir);
  const issuers = (...keys: string[]) =>
    replacer.serve({ ...config, auth: { issuers: keys.map(publicKey => ({ publicKey })) } });
  const mint = (secret: string) =>
    mintKey(secret, { subject: 'alice', expires: new Date(Date.now() + 3_600_000) });
  const before = mint(old.secretKey);
  let key = before;
  const traffic = new Traffic(lab, () => key);
  await traffic.goOn();
  await issuers(old.publicKey, young.publicKey);
  await traffic.goOn();
  key = mint(young.secretKey);
  await traffic.goOn();
  await issuers(young.publicKey);
  await traffic.goOn();
  await traffic.stop();
  t.ok(traffic.allWell, `${traffic.statuses.length} requests`);
  const late = await lab.ask({ target: CHAT, fields: [['Authorization', `Bearer ${before}`]], body: '{}' });
  t.equal(late.status, 401, 'without its issuer a key ends');
});

t.test('a pool key in a file is replaced by a reload, and no request fails', async t => {
  const folder = sharedFolder(t);
  const file = join(folder, 'openai.key');
  writeFileSync(file, 'sk-OLD-3f0a9c41\n', { mode: 0o600 });
  const lab = await startLab(t, { weir: { cwd: folder } });
  lab.up.reply(respond(200, JSON_TYPE, '{}'));
  const config = JSON.parse(readFileSync(join(folder, 'weir.yaml'), 'utf8')) as { providers: object };
  const openai = { origin: lab.up.origin, keys: [{ id: 'main', key: 'file:./openai.key' }] };
  await new ConfigReplacer(lab.weir).serve({ ...config, providers: { ...config.providers, openai } });
  const sent = (text: string): boolean =>
    lab.up.requests.some(({ fields }) => fields.some(([, value]) => value === `Bearer ${text}`));
  const traffic = new Traffic(lab, () => CLIENT_KEY);
  await until('the old key', async () => sent('sk-OLD-3f0a9c41'));
  writeFileSync(`${file}.next`, 'sk-NEW-81b7d502\n', { mode: 0o600 });
  renameSync(`${file}.next`, file);
  lab.weir.signal('SIGHUP');
  await until('the new key', async () => sent('sk-NEW-81b7d502'));
  const count = lab.up.requests.length;
  await traffic.goOn();
  const after = lab.up.requests.slice(count + 1).flatMap(({ fields }) => fields.map(([, value]) => value));
  t.notOk(after.includes('Bearer sk-OLD-3f0a9c41'), 'the old one is used no more');
  await traffic.stop();
  t.ok(traffic.allWell, `${traffic.statuses.length} requests`);
});

t.test('a store of an older version is brought to this one when it serves', async t => {
  const folder = sharedFolder(t);
  const file = join(folder, 'weir.db');
  const old = new DatabaseSync(file);
  old.exec(`PRAGMA application_id = ${0x57454952}; ${facts.sql}; PRAGMA user_version = 1`);
  old.close();
  const sections = { usage: { store: `sqlite:${file}` } };
  const lab = await startLab(t, { weir: { cwd: folder }, config: sections });
  lab.up.reply(respond(200, JSON_TYPE, '{}'));
  await lab.ask({ target: CHAT, fields: [...AS_TEAM, ...JSON_TYPE], body: '{"model":"m"}' });
  const newest = readdirSync(join(import.meta.dirname, '../../lib/store/engines/sqlite/migrations')).filter(
    name => /^\d/.test(name),
  ).length;
  const look = <T>(query: string): T => {
    const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
    const row = database.prepare(query).get();
    database.close();
    return Object.values(row!)[0] as T;
  };
  await until('the version of this one', async () => look<number>('PRAGMA user_version') === newest);
  await until('the fact', async () => look<number>('SELECT count(*) FROM facts') === 1);
});

t.test('a store of a newer version is left as it is, and the journal keeps the facts', async t => {
  const folder = sharedFolder(t);
  const file = join(folder, 'weir.db');
  const newer = new DatabaseSync(file);
  newer.exec(`PRAGMA application_id = ${0x57454952}; CREATE TABLE facts (x); PRAGMA user_version = 999`);
  newer.close();
  const before = readFileSync(file);
  const lab = await startLab(t, { weir: { cwd: folder }, config: { usage: { store: `sqlite:${file}` } } });
  lab.up.reply(respond(200, JSON_TYPE, '{}'));
  const { status } = await lab.ask({ target: CHAT, fields: [...AS_TEAM, ...JSON_TYPE], body: '{}' });
  t.equal(status, 200);
  await lab.weir.line(({ text }) => /written by a newer Weir \(schema 999/.test(text), 'the refusal');
  await lab.weir.stop('SIGTERM');
  t.ok(readFileSync(file).equals(before), 'untouched');
  t.equal(lab.weir.journal().facts.length, 1);
});

t.test('logrotate takes the request log away and loses no line', async t => {
  const folder = sharedFolder(t);
  const log = join(folder, 'data/requests.ndjson');
  const shown = /```\n(\/var\/lib\/weir\/data\/requests\.ndjson \{\n[\s\S]*?\n\})\n```/.exec(
    read('docs/guides/operations.md'),
  )![1]!;
  const conf = join(folder, 'logrotate.conf');
  writeFileSync(conf, `${shown.replace('/var/lib/weir/data/requests.ndjson', log)}\n`, { mode: 0o600 });
  if (spawnSync('logrotate', ['--version']).error !== undefined) {
    t.comment('logrotate is not installed: the example was not run');
    return;
  }
  const lab = await startLab(t, { weir: { cwd: folder }, config: { usage: { requestLog: log } } });
  lab.up.reply(respond(200, JSON_TYPE, '{}'));
  const lines = (): number =>
    readdirSync(join(folder, 'data'))
      .filter(name => name.startsWith('requests.ndjson'))
      .map(name => join(folder, 'data', name))
      .map(path => (path.endsWith('.gz') ? spawnSync('zcat', [path]).stdout : readFileSync(path)))
      .reduce((sum, text) => sum + String(text).split('\n').length - 1, 0);
  for (let i = 1; i <= 3; i++) {
    // The names that the example gives differ by the second.
    const second = Math.floor(Date.now() / 1000);
    await until('another second', async () => Math.floor(Date.now() / 1000) > second);
    await lab.ask({ target: CHAT, fields: [...AS_TEAM, ...JSON_TYPE], body: '{}' });
    await until('its line', async () => lines() === i);
    const run = spawnSync('logrotate', ['-f', '-s', join(folder, 'state'), conf], { encoding: 'utf8' });
    t.equal(run.status, 0, run.stderr);
    t.equal(lines(), i);
    t.notOk(readdirSync(join(folder, 'data')).includes('requests.ndjson'), 'it was moved');
  }
});
