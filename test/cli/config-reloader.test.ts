import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ConfigReloader } from '../../lib/cli/config-reloader.ts';
import type { ConfigResult } from '../../lib/config/index.ts';
import { Changes } from '../deadline/index.ts';

const problem = { file: 'f', line: 3, column: 4, path: 'a.b', message: 'is wrong', suggestion: null };
const bad: ConfigResult<string> = { ok: false, problems: [problem] };
const good = (settings: string, files: readonly string[] = []): ConfigResult<string> => ({
  ok: true,
  settings,
  files,
  warnings: [],
});

/** A host whose loads come from a list and whose applies wait to be let through. */
class Host {
  readonly loads: ConfigResult<string>[] = [];
  readonly applied: string[] = [];
  readonly said: string[] = [];
  readonly changes = new Changes();
  #finish: (result: ConfigResult<string>) => void = () => {};
  #fail: (error: Error) => void = () => {};

  load(): ConfigResult<string> {
    return this.loads.shift() ?? bad;
  }

  apply(settings: string): Promise<ConfigResult<string>> {
    this.applied.push(settings);
    this.changes.notify();
    return new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
  }

  say(line: string): void {
    this.said.push(line);
    this.changes.notify();
  }

  finish(result: ConfigResult<string> = good('')): void {
    this.#finish(result);
  }

  fail(error: Error): void {
    this.#fail(error);
  }

  says(pattern: RegExp): Promise<string> {
    return this.changes.until(() => this.said.find(line => pattern.test(line)), String(pattern));
  }

  applies(count: number): Promise<boolean> {
    return this.changes.until(() => this.applied.length >= count, `${count} applied`);
  }
}

function setUp(t: { testdir(files: Record<string, string>): string; teardown(end: () => void): void }) {
  const host = new Host();
  const file = join(t.testdir({ 'weir.yaml': 'one' }), 'weir.yaml');
  const reloader = new ConfigReloader(file, [], host);
  t.teardown(() => reloader.close());
  return { host, file, reloader };
}

t.test('reloads asked for during one become one more', async t => {
  const { host, reloader } = setUp(t);
  host.loads.push(good('a'), good('b'), good('c'));
  reloader.reload();
  await host.applies(1);
  reloader.reload();
  reloader.reload();
  t.same(host.applied, ['a'], 'one at a time');
  host.finish();
  await host.applies(2);
  t.same(host.applied, ['a', 'b']);
  host.finish();
  await host.changes.until(() => host.said.length === 2, 'both told');
  t.equal(host.loads.length, 1, 'the third was not needed');
  t.match(host.said, [/was reloaded$/, /was reloaded$/]);
});

t.test('a bad file is told and nothing is applied', async t => {
  const { host, reloader } = setUp(t);
  host.loads.push(bad);
  reloader.reload();
  await host.says(/f:3:4: a\.b: is wrong/);
  t.match(host.said[0], /was not reloaded/);
  t.same(host.applied, []);
});

t.test('settings that are refused, and ones that break, leave the old ones', async t => {
  const { host, reloader } = setUp(t);
  host.loads.push(good('a'), good('b'), good('c'));
  reloader.reload();
  await host.applies(1);
  host.finish(bad);
  await host.says(/is wrong/);
  reloader.reload();
  await host.applies(2);
  host.fail(new Error('no such folder'));
  await host.says(/no such folder/);
  t.notOk(host.said.some(line => line.endsWith('was reloaded')));
  reloader.reload();
  await host.applies(3);
  host.finish();
  await host.says(/was reloaded$/);
});

t.test('a changed file is reloaded, and so is one that its references newly read', async t => {
  const { host, file } = setUp(t);
  const secret = join(t.testdirName, 'key.txt');
  writeFileSync(secret, 'k1');
  host.loads.push(good('a', [secret]), good('b', [secret]));
  writeFileSync(`${file}.new`, 'two');
  renameSync(`${file}.new`, file);
  await host.applies(1);
  host.finish();
  await host.says(/was reloaded$/);
  writeFileSync(secret, 'key two');
  await host.applies(2);
  t.same(host.applied, ['a', 'b']);
  host.finish();
});
