import { mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { AS_TEAM, startLab } from '../journeys/lab.ts';
import * as up from '../upstream/index.ts';

const CHAT = '/openai/v1/chat/completions';

function idsIn(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const lines = text.split('\n').filter(line => line !== '');
  return lines.map(line => (JSON.parse(line) as { requestId: string }).requestId);
}

t.test('lines go on after the file was moved away, and after it could not be written', async t => {
  const folder = t.testdir({});
  const log = join(folder, 'requests.ndjson');
  const lab = await startLab(t, {
    config: { usage: { journal: 'none', store: 'none', requestLog: log } },
  });
  lab.up.reply(up.respond(200, [], '{}'));
  const ask = async (id: string): Promise<void> => {
    const fields = [...AS_TEAM, ['X-Request-Id', id]] as const;
    const { status } = await lab.ask({ target: CHAT, fields, body: '{"model":"m"}' });
    t.equal(status, 200, 'a log that fails fails no request');
  };
  const until = async (file: string, ids: readonly string[]): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (idsIn(file).join() !== ids.join()) {
      if (Date.now() > deadline) throw new Error(`${file} has ${idsIn(file).join()}`);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  };
  await ask('one');
  await until(log, ['one']);
  renameSync(log, `${log}.1`);
  await ask('two');
  await until(log, ['two']);
  t.strictSame(idsIn(`${log}.1`), ['one'], 'what was moved away is left alone');
  renameSync(log, `${log}.2`);
  mkdirSync(log);
  await ask('lost');
  await lab.weir.changes.until(() => lab.weir.output.includes('request_log_failing'), 'the warning');
  rmdirSync(log);
  await ask('three');
  await until(log, ['three']);
});
