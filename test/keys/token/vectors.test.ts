import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { filesBelow, read, root, tableRows } from '../../house/tree.ts';

/** As git names the content of a file. */
function blobOf(file: string): string {
  const bytes = readFileSync(join(root, file));
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

t.test('the vectors are those of their sources, byte for byte', async t => {
  const rows = tableRows(read('test/vectors/README.md'), 'file');
  for (const [file, , commit, blob] of rows) {
    const path = `test/vectors/${file!.replaceAll('`', '')}`;
    t.match(commit, /^[0-9a-f]{40}$/);
    t.equal(blobOf(path), blob, path);
  }
  const listed = rows.map(([file]) => `test/vectors/${file!.replaceAll('`', '')}`);
  t.strictSame(listed.sort(), filesBelow('test/vectors', '.json').sort(), 'each file has its row');
});
