import t from 'tap';
import { filesBelow, read } from './tree.ts';

/** Provider names that are also plain words of the field, and so prove nothing. */
const PLAIN_WORDS = new Set(['demo', 'together', 'writer', 'replicate', 'vertex', 'google', 'google-oauth']);

const names = filesBelow('providers', '.yaml')
  .map(file => file.replace(/^providers\/|\.yaml$/g, ''))
  .filter(name => !PLAIN_WORDS.has(name));

/** The source without comments: a comment may cite a provider's page. */
function code(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

t.ok(names.length >= 36, 'there are provider rows to look for');

t.test('no file of lib names a provider, but lib/providers and a dialect folder its own', async t => {
  for (const file of filesBelow('lib')) {
    if (file.startsWith('lib/providers/')) continue;
    const family = /^lib\/dialects\/([^/]+)\//.exec(file)?.[1];
    if (file === 'lib/dialects/index.ts') continue;
    const text = code(read(file)).toLowerCase();
    for (const name of names) {
      if (family !== undefined) continue;
      const word = new RegExp(`(?<![a-z0-9])${name}(?![a-z0-9])`);
      t.notOk(word.test(text), `${file} names ${name}`);
    }
  }
});
