import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The checkout this test runs in. */
export const root = dirname(dirname(import.meta.dirname));

/** Every file below a folder of the checkout, as paths from its root. */
export function filesBelow(folder: string, extension = '.ts'): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith(extension))
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .filter(file => !file.includes('node_modules'));
}

export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The cells of a Markdown table whose header row begins with these words. */
export function tableRows(markdown: string, firstHeader: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex(line => line.startsWith(`| ${firstHeader} `));
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    );
  }
  return rows;
}
