import t from 'tap';
import { readBatch } from '../../lib/store/engines/postgres/batch.ts';
import { factText, factTexts } from './fact-text.ts';

t.test('a large batch is read in several turns', async t => {
  let isOver = false;
  let turns = 0;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const { first } = await readBatch(factTexts(1, 1000));
  isOver = true;
  t.equal(first.size, 1000);
  t.ok(turns >= 9, `${turns} turns of others meanwhile`);
});

t.test('what one id, one series, one tag is', async t => {
  const { first, further, invalid, ignored } = await readBatch([
    factText(1, { subject: 'a', tags: { x: '1', 'y\0': 'z\ud800' } }),
    factText(1, { subject: 'b' }),
    factText(2, { subject: 'a', tags: { 'y\ufffd': 'z\ufffd', 'y\0': 'z\ufffd', x: '1' } }),
    factText(3, { subject: 'b' }),
    '{"open":true}',
    '{',
  ]);
  const [one, two, three] = [...first.values()];
  t.strictSame([first.size, further.length, invalid.length, ignored], [3, 1, 1, 1]);
  t.equal(one!.series, two!.series);
  t.not(one!.series, three!.series);
  t.strictSame(new Set(two!.tags), new Set(one!.tags), 'as the store keeps them');
});
