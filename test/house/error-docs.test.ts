import t from 'tap';
import { ERRORS } from '../../lib/errors/index.ts';
import { read, tableRows } from './tree.ts';

t.test('docs/errors.md shows the error table as it is, in its order', async t => {
  const shown = tableRows(read('docs/errors.md'), 'code').map(
    ([code, status, source, retry, sdk, message, hint]) => ({
      code: code!.replaceAll('`', ''),
      status: Number(status),
      source,
      retry,
      clientRetry: sdk === 'yes',
      message,
      hint,
    }),
  );
  t.strictSame(shown, [...ERRORS.values()]);
});
