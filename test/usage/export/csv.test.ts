import t from 'tap';
import { FACT_CSV_HEAD, factCsvLine } from '../../../lib/usage/export/csv.ts';
import { factOf, factText } from '../../store/fact-text.ts';

const HEAD = FACT_CSV_HEAD.trimEnd().split(',');

/** The cells of one line, by a reader of RFC 4180 of its own. */
function cells(line: string): Readonly<Record<string, string>> {
  const found: string[] = [];
  const rest = line.replace(/\r\n$/, '');
  for (const match of rest.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g))
    found.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
  return Object.fromEntries(HEAD.map((name, i) => [name, found[i]!]));
}

t.test('every member of a fact has its column', async t => {
  const { v, route, ...members } = factOf(1);
  const routes = Object.keys(route).map(name => `route${name[0]!.toUpperCase()}${name.slice(1)}`);
  t.strictSame([...HEAD].sort(), [...Object.keys(members), ...routes].sort());
  t.equal(v, 1);
});

t.test('what is unknown is empty, never 0', async t => {
  const row = cells(factCsvLine(factText(1, { inputTokens: null, outputTokens: 0, costNanos: null })));
  t.hasStrict(row, { inputTokens: '', outputTokens: '0', costNanos: '', subject: 'alice', stream: 'false' });
});

t.test('no cell is a formula, whoever chose its words', async t => {
  for (const start of ['=', '+', '-', '@', '\t', '\r', '\n']) {
    const evil = `${start}HYPERLINK("http://x";"a"),b`;
    const row = cells(factCsvLine(factText(1, { subject: evil, modelRequested: evil, keyId: evil })));
    t.equal(row.subject, `'${evil}`);
    t.equal(row.modelRequested, `'${evil}`);
    t.equal(row.keyId, `'${evil}`);
    t.equal(row.provider, 'lab', 'the columns after it stay in their places');
  }
});

t.test('tags stand as they were written, whatever their names', async t => {
  const tags = { 'a"b': '}', '\\\\': 'x,"y"', b: '\n', ü: '{' };
  const row = cells(factCsvLine(factText(1, { tags, path: '/"tags":{"no":"1"}' })));
  t.equal(row.tags, JSON.stringify(tags));
});
