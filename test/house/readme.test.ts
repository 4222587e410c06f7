import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { filesBelow, read, root } from './tree.ts';

const pages = ['README.md', 'ARCHITECTURE.md', ...filesBelow('docs', '.md')];

t.test('the commands of the README are scripts of the package', async t => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [...read('README.md').matchAll(/npm (?:run ([a-z:]+)|(test|start))\b/g)].map(
    match => match[1] ?? match[2]!,
  );
  t.ok(named.length > 3);
  t.strictSame(
    named.filter(name => scripts[name] === undefined),
    [],
  );
});

t.test('the commands that make keys give a key and nothing beside it', async t => {
  const shown = /## Keys\n\n```sh\n([\s\S]*?)```/.exec(read('README.md'))![1]!;
  const script = shown.replaceAll('issuer.key', join(t.testdir(), 'issuer.key'));
  // An npm that runs these tests tells its own settings, such as being silent, to every npm below it.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', `${script}\nprintf '[%s]' "$KEY"`], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  t.equal(status, 0, stderr);
  t.match(stdout, /\[weir_v4\.public\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\]$/);
});

t.test('links between pages lead somewhere', async t => {
  const broken = pages.flatMap(page =>
    [...read(page).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)]
      .map(match => match[1]!)
      .filter(link => !existsSync(join(root, dirname(page), link)))
      .map(link => `${page}: ${link}`),
  );
  t.strictSame(broken, []);
});

/** The part of a link behind `#` that leads to a heading. */
function anchorOf(heading: string): string {
  const plain = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, '');
  return plain.trim().replaceAll(' ', '-');
}

t.test('links into pages lead to a heading', async t => {
  const anchors = (page: string): string[] =>
    [...read(page).matchAll(/^#+ (.*)$/gm)].map(match => anchorOf(match[1]!));
  const broken = pages.flatMap(page =>
    [...read(page).matchAll(/\]\((?!https?:)([^)#]*\.md)?#([^)]+)\)/g)]
      .filter(([, file, anchor]) => {
        const target = file === undefined ? page : join(dirname(page), file);
        return !anchors(target).includes(anchor!);
      })
      .map(([link]) => `${page}: ${link}`),
  );
  t.strictSame(broken, []);
});

t.test('the nginx snippet is the one that is tested', async t => {
  const lines = (text: string): string[] =>
    text
      .split('\n')
      .map(line => line.trim())
      .filter(line => line !== '' && !line.startsWith('#'));
  const tested = lines(read('deploy/nginx.conf'));
  for (const page of ['README.md', 'docs/guides/run.md']) {
    const shown = /```nginx\n([\s\S]*?)```/.exec(read(page))![1]!;
    t.strictSame(lines(shown), tested, page);
  }
});

t.test('no page names a path of somebody’s machine', async t => {
  t.strictSame(
    pages.filter(page => /\/(?:home|root|Users|work)\//.test(read(page))),
    [],
  );
});

t.test('every member of a fact is explained', async t => {
  const members = [...read('lib/pipeline/fact.ts').matchAll(/^ {2}readonly ([a-zA-Z]+)/gm)].map(
    match => match[1]!,
  );
  const page = read('docs/facts.md');
  t.strictSame(
    members.filter(member => member !== 'name' && !page.includes(`\`${member}\``)),
    [],
  );
  // `tool` is of a version to come.
  const values = [...read('lib/pipeline/fact.ts').matchAll(/(?<=[|:] )'([a-zA-Z]+)'/g)].map(
    match => match[1]!,
  );
  t.ok(values.length > 15);
  t.strictSame(
    values.filter(value => value !== 'tool' && !page.includes(`\`${value}\``)),
    [],
  );
});
