import t from 'tap';
import { tableLines } from '../../lib/cli/table.ts';

t.test('columns line up, lines do not end in spaces, and colour does not count as width', async t => {
  t.same(
    tableLines([
      ['a', 'long cell', 'x'],
      ['longer', 'b', ''],
    ]),
    ['a       long cell  x', 'longer  b'],
  );
  const painted = tableLines(
    [
      ['a', 'b'],
      ['ccc', 'd'],
    ],
    (text, row, column) => (row === 0 && column === 0 ? `<${text}>` : text),
  );
  t.same(painted, ['<a>    b', 'ccc  d']);
  t.same(tableLines([]), []);
});
