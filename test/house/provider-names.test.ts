import t from 'tap';
import { filesBelow, read } from './tree.ts';

/** Provider names that are also plain words of the field, and so prove nothing. */
const PLAIN_WORDS = new Set(['demo', 'together', 'writer', 'replicate', 'vertex', 'google', 'google-oauth']);

const names = filesBelow('providers', '.yaml')
  .map(file => file.replace(/^providers\/|\.yaml$/g, ''))
  .filter(name => !PLAIN_WORDS.has(name));

const families = new Set(filesBelow('lib/dialects').map(file => file.split('/')[2]));

/** Members of a wire that carry a name: they cannot be called otherwise. */
const WIRE_WORDS = /x_groq/g;

/** The source without comments: a comment may cite a provider's page. */
function code(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
    .replace(WIRE_WORDS, '');
}

t.ok(names.length >= 36, 'there are provider rows to look for');

t.test('no file of lib names a provider, but lib/providers and a dialect folder its own', async t => {
  const faults: string[] = [];
  for (const file of filesBelow('lib')) {
    // lib/dialects/index.ts is the list of the families' folders.
    if (file.startsWith('lib/providers/') || file === 'lib/dialects/index.ts') continue;
    // A dialect folder may name families, whose folders it may share code with.
    const mayName = file.startsWith('lib/dialects/') ? families : new Set();
    const text = code(read(file)).toLowerCase();
    for (const name of names) {
      if (mayName.has(name)) continue;
      const word = new RegExp(`(?<![a-z0-9])${name}(?![a-z0-9])`);
      if (word.test(text)) faults.push(`${file} names ${name}`);
    }
  }
  t.strictSame(faults, []);
});
