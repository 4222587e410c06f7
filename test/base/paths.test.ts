import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { packageRoot } from '../../lib/base/index.ts';

type Paths = { packageRoot(): string };

/** The module as it is published: node strips no types below node_modules. */
const source = stripTypeScriptTypes(
  readFileSync(join(import.meta.dirname, '../../lib/base/paths.ts'), 'utf8'),
);

/** Runs a copy of the module from where it would lie in a package. */
async function rootFrom(folder: string, inPackage: string): Promise<string> {
  const target = join(folder, inPackage);
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'paths.js'), source);
  const module = (await import(pathToFileURL(join(target, 'paths.js')).href)) as Paths;
  return module.packageRoot();
}

t.test('in a checkout', async t => {
  t.ok(existsSync(join(packageRoot(), 'providers/openai.yaml')));
});

t.test('in a published package, within another one', async t => {
  const outer = realpathSync(mkdtempSync(join(tmpdir(), 'weir-paths-')));
  t.teardown(() => rmSync(outer, { recursive: true }));
  const own = join(outer, 'node_modules/weir-gateway');
  mkdirSync(join(own, 'dist/lib'), { recursive: true });
  writeFileSync(join(outer, 'package.json'), '{"name":"host"}');
  writeFileSync(join(own, 'package.json'), '{"name":"weir-gateway","type":"module"}');
  writeFileSync(join(own, 'dist/package.json'), '{"type":"module"}');
  t.equal(await rootFrom(own, 'lib/base'), own);
  t.equal(await rootFrom(own, 'dist/lib/base'), own);
});

t.test('nowhere', async t => {
  const stray = realpathSync(mkdtempSync(join(tmpdir(), 'weir-paths-')));
  t.teardown(() => rmSync(stray, { recursive: true }));
  writeFileSync(join(stray, 'package.json'), '{"name":"host","type":"module"}');
  await t.rejects(rootFrom(stray, 'lib/base'), { message: /no package\.json of weir-gateway above/ });
});
