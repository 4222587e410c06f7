import { EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import t, { type Test } from 'tap';
import { addExport } from '../../lib/cli/commands/usage-export.ts';
import { addSummary } from '../../lib/cli/commands/usage-summary.ts';
import { openLedger } from '../../lib/store/index.ts';
import { factText, factTexts } from '../store/fact-text.ts';
import { must } from '../store/must.ts';
import { Captured } from './run-main.ts';

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(...argv: string[]): Promise<Ran> {
  return runAt({}, ...argv);
}

async function runAt(terminal: { columns?: number }, ...argv: string[]): Promise<Ran> {
  const stdout = new Captured();
  const stderr = new Captured();
  const io = {
    ...terminal,
    env: {},
    stdout,
    stderr,
    isTty: false,
    invocation: 'weir',
    signals: new EventEmitter(),
  };
  let status = -1;
  const group = new Command('usage').exitOverride().configureOutput({ writeErr: text => stderr.write(text) });
  for (const add of [addSummary, addExport]) add(group, io, code => (status = code));
  for (const command of group.commands) command.copyInheritedSettings(group);
  try {
    await group.parseAsync(argv, { from: 'user' });
  } catch {
    status = 2;
  }
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** A config whose store has these facts; without any there is no store yet. */
async function configOf(t: Test, facts: readonly string[]): Promise<string> {
  const folder = t.testdir({ 'config.yaml': 'usage: { journal: none, store: "sqlite:./weir.db" }\n' });
  if (facts.length > 0) {
    const ledger = openLedger(`sqlite:${join(folder, 'weir.db')}`);
    await must(ledger.append(facts, []));
    await ledger.close();
  }
  return join(folder, 'config.yaml');
}

t.test('a summary for people and for scripts', async t => {
  const config = await configOf(t, [
    ...factTexts(1, 2, { costNanos: Number.MAX_SAFE_INTEGER }),
    factText(3, {
      subject: 'bob',
      inputTokens: null,
      outputTokens: null,
      costNanos: null,
      usageSource: 'none',
    }),
  ]);
  const people = await run('summary', '-c', config, '--by', 'subject');
  t.equal(people.status, 0);
  t.strictSame(
    people.stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(/ {2,}/)),
    [
      [
        'SUBJECT',
        'REQUESTS',
        'REFUSED',
        'FAILED',
        'ABORTED',
        'LOST',
        'UNMETERED',
        'ESTIMATED',
        'INPUT TOKENS',
        'OUTPUT TOKENS',
        'USD',
        'UNPRICED',
      ],
      ['alice', '2', '0', '0', '0', '0', '0', '0', '20', '10', '18014398.509481982', '0'],
      ['bob', '1', '0', '0', '0', '0', '1', '0', '-', '-', '-', '0'],
    ],
  );
  const script = await run('summary', '-c', config, '--by', 'subject', '--json');
  t.match(script.stdout, '"costNanos":18014398509481982}');
  const { rows, truncated } = JSON.parse(script.stdout) as {
    rows: { group: unknown; requests: number }[];
    truncated: boolean;
  };
  t.strictSame(
    rows.map(({ group, requests }) => [group, requests]),
    [
      [{ subject: 'alice' }, 2],
      [{ subject: 'bob' }, 1],
    ],
  );
  t.equal(truncated, false);
});

t.test('months, days and filters', async t => {
  const config = await configOf(t, [
    factText(1, { time: '2026-10-31T23:59:59.999Z' }),
    factText(2, { time: '2026-11-01T00:00:00.000Z' }),
    factText(3, { time: '2026-11-30T23:59:59.999Z', subject: 'bob' }),
    factText(4, { time: '2026-12-01T00:00:00.000Z' }),
  ]);
  const count = async (...more: string[]): Promise<number> => {
    const { stdout } = await run('export', '-c', config, '--format', 'ndjson', ...more);
    return stdout === '' ? 0 : stdout.trimEnd().split('\n').length;
  };
  t.equal(await count(), 4);
  t.equal(await count('--month', '2026-11'), 2);
  t.equal(await count('--month', '2026-11', '--subject', 'bob'), 1);
  t.equal(await count('--since', '2026-11-30'), 2);
  t.equal(await count('--until', '2026-11-01T00:00:00Z'), 1);
  t.equal(await count('--since', '2026-11-01', '--until', '2026-11-30'), 1);
  t.equal(await count('--model', 'nothing'), 0);
});

t.test('an export is the facts as they were, over more than one page', async t => {
  const facts = factTexts(1, 4500);
  const config = await configOf(t, facts);
  const lines = await run('export', '-c', config, '--format', 'ndjson');
  t.equal(lines.status, 0);
  t.equal(lines.stdout, `${facts.join('\n')}\n`);
  const table = await run('export', '-c', config);
  t.equal(table.stdout.split('\r\n').length, 4500 + 2, 'one head, every fact, the last line ends');
});

t.test('what cannot be done says what to do', async t => {
  const config = await configOf(t, []);
  const empty = await run('summary', '-c', config);
  t.equal(empty.status, 1);
  t.match(empty.stderr, 'nothing was stored yet');
  for (const argv of [
    ['summary'],
    ['summary', '-c', config, '--by', 'subject,nonsense'],
    ['summary', '-c', config, '--by', 'subject,subject'],
    ['summary', '-c', config, '--since', 'yesterday'],
    ['summary', '-c', config, '--month', '2026-13'],
    ['summary', '-c', config, '--month', '2026-11', '--since', '7d'],
    ['summary', '-c', config, '--limit', '0'],
    ['export', '-c', config, '--format', 'xlsx'],
    ['export', '-c', join(config, 'nowhere')],
  ]) {
    const { status, stderr, stdout } = await run(...argv);
    t.equal(status, 2, argv.join(' '));
    t.ok(stderr.length > 0);
    t.equal(stdout, '');
  }
  const none = join(t.testdir({ other: {} }), 'other', 'config.yaml');
  writeFileSync(none, 'usage: { store: none }\n');
  const { status, stderr } = await run('summary', '-c', none);
  t.equal(status, 2);
  t.match(stderr, 'names no store');
});

t.test('on a narrow terminal columns without anything are left out, and named', async t => {
  const config = await configOf(t, [factText(1), factText(2, { subject: 'bob', outcome: 'refused' })]);
  const wide = await runAt({ columns: 200 }, 'summary', '-c', config, '--by', 'subject');
  t.match(wide.stdout, /LOST/);
  const narrow = await runAt({ columns: 80 }, 'summary', '-c', config, '--by', 'subject');
  const lines = narrow.stdout.trimEnd().split('\n');
  t.match(lines[0], /^SUBJECT {2}REQUESTS {2}REFUSED {2}INPUT TOKENS {2}OUTPUT TOKENS {2}USD/);
  t.equal(lines.at(-1), '0 everywhere: FAILED, ABORTED, LOST, UNMETERED, ESTIMATED, UNPRICED');
  t.ok(lines.every(line => line.length <= 80));
});
