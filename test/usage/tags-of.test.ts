import t from 'tap';
import type { Exchange } from '../../lib/pipeline/index.ts';
import { tagsOf } from '../../lib/usage/index.ts';

function exchangeOf(headers: object, tags: object | null): Exchange {
  const principal = tags === null ? null : { tags };
  return { req: { headers }, principal } as unknown as Exchange;
}

t.test('tags are the key’s and those of the named headers', async t => {
  const headers = { 'x-team': 'search', 'x-other': 'no', __proto__: null };
  t.strictSame(tagsOf(exchangeOf(headers, { project: 'weir' }), ['x-team', 'x-absent']), {
    project: 'weir',
    'x-team': 'search',
  });
  t.strictSame(tagsOf(exchangeOf(headers, null), ['x-team']), { 'x-team': 'search' });
  t.equal(tagsOf(exchangeOf(headers, {}), []), null);
});

t.test('what a key was issued with no header changes: bills and budgets go by it', async t => {
  const headers = { project: 'somebody-else' };
  t.strictSame(tagsOf(exchangeOf(headers, { project: 'weir' }), ['project']), { project: 'weir' });
});
