import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runMain } from './run-main.ts';

/** The verbs below `argv` as its own help lists them. */
async function verbs(argv: readonly string[] = []): Promise<readonly string[]> {
  const { stdout } = await runMain([...argv, '--help']);
  const commands = /\nCommands:\n([\s\S]*?)(?:\n\n|$)/.exec(stdout)?.[1] ?? '';
  return [...commands.matchAll(/^ {2}(\w+)/gm)].map(match => match[1]!).filter(verb => verb !== 'help');
}

/** The program and everything below it. */
async function commandLines(argv: readonly string[] = []): Promise<readonly (readonly string[])[]> {
  const below = await verbs(argv);
  const lines = await Promise.all(below.map(verb => commandLines([...argv, verb])));
  return [argv, ...lines.flat()];
}

t.test('every help has examples, and the options in them exist', async t => {
  const listed = [
    'serve',
    'check',
    'verify',
    'providers',
    'issuer',
    'key',
    'deny',
    'provider',
    'usage',
    'audit',
    'prices',
  ];
  t.same(await verbs(), listed);
  for (const argv of await commandLines()) {
    const { status, stdout, stderr } = await runMain([...argv, '--help']);
    const name = ['weir', ...argv].join(' ');
    t.equal(status, 0, name);
    t.equal(stderr, '');
    const [before, after] = stdout.split('\nExamples:\n');
    const examples = after?.split('\n').filter(line => /^ {2}(\w+=\S+ )?weir\b/.test(line)) ?? [];
    t.ok(examples.length >= 1, `${name} --help has examples`);
    const isGroup = before!.includes('\nCommands:\n');
    for (const example of examples) {
      t.match(example, /\S {2,}\S/, 'each with what it does');
      for (const [option] of example.matchAll(/--\w+/g)) {
        t.ok(isGroup || before!.includes(option), `${name}: ${option} is an option`);
      }
    }
  }
});

t.test('the version is that of the package', async t => {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  for (const option of ['--version', '-V']) {
    t.same(await runMain([option]), { status: 0, stdout: `${version}\n`, stderr: '' });
  }
});

t.test('bad usage is exit 2 with the nearest valid word, on stderr', async t => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['serv'], /unknown command 'serv'[\s\S]*Did you mean serve\?/],
    [['providrs'], /Did you mean providers\?/],
    [['verfy', '--url', 'x'], /Did you mean verify\?/],
    [['frobnicate'], /unknown command 'frobnicate'[\s\S]*--help/],
    [['serve', '--confg', 'x'], /unknown option '--confg'[\s\S]*Did you mean --config\?/],
    [['--confg', 'x'], /Did you mean --config\?/],
    [['check', '--explan'], /Did you mean --explain\?/],
    [['verify', '--modle', 'x'], /Did you mean --model\?/],
    [['providers', '--jsn'], /Did you mean --json\?/],
    [['serve', 'extra'], /too many arguments/],
    [['serve', '--config'], /argument missing/],
  ];
  for (const [argv, message] of cases) {
    const { status, stdout, stderr } = await runMain(argv);
    t.equal(status, 2, argv.join(' '));
    t.equal(stdout, '', argv.join(' '));
    t.match(stderr, message, argv.join(' '));
  }
});

t.test('colours are for terminals that want them', async t => {
  const colourStart = String.fromCharCode(27);
  const cases = [
    [{ isTty: true }, true],
    [{ isTty: false }, false],
    [{ isTty: true, env: { NO_COLOR: '1' } }, false],
    [{ isTty: true, env: { TERM: 'dumb' } }, false],
  ] as const;
  for (const [options, coloured] of cases) {
    for (const argv of [['providers'], ['check'], ['--help']]) {
      const { stdout } = await runMain(argv, options);
      t.equal(stdout.includes(colourStart), coloured, `${argv} ${JSON.stringify(options)}`);
    }
  }
});
