import t from 'tap';
import { filesBelow, read, tableRows } from './tree.ts';

const page = read('docs/ops.md');
const code = filesBelow('lib').map(read).join('\n');

/** What the first column of a table names. */
function named(header: string, pattern: RegExp): ReadonlySet<string> {
  return new Set(
    tableRows(page, header).flatMap(([cell]) => [...cell!.matchAll(pattern)].map(match => match[1]!)),
  );
}

/** The snake_case texts of the code that look so. */
function written(pattern: RegExp): ReadonlySet<string> {
  return new Set([...code.matchAll(pattern)].map(match => match[1]!));
}

t.test('docs/ops.md names every metric there is, and none beside', async t => {
  t.strictSame([...named('metric', /`(weir_\w+)`/g)].sort(), [...written(/'(weir_[a-z_]*[a-z])'/g)].sort());
});

/** Warnings in the log that no `/readyz` tells: what they are about has a reason of its own, or none is needed. */
const WARNED_ONLY = [
  'bus_bucket_failing',
  'bus_publish_failing',
  'deny_entry_unreadable',
  'price_list_failing',
  'request_log_failing',
];

t.test('docs/ops.md names every reason of /readyz, and none beside', async t => {
  const STATE = 'failing|stale|missing|gone|behind|broken|unseeded|full|unreadable|damaged|alone|blind';
  const reasons = [...written(new RegExp(`'((?!weir_)[a-z]+(?:_[a-z]+)*_(?:${STATE}))'`, 'g'))].filter(
    word => !WARNED_ONLY.includes(word),
  );
  t.strictSame([...named('reason', /`(\w+)`/g)].sort(), [...reasons, 'draining'].sort());
});
