import t from 'tap';
import { endpointRow, otherEndpoint, withPathModel } from '../../lib/dialects/endpoint-row.ts';
import { isRead, positionFromEnd, SuffixTable } from '../../lib/dialects/suffix-table.ts';

const one = endpointRow('f', 'one', 'chat');
const two = endpointRow('f', 'two', 'completion');
const table = new SuffixTable([
  ['POST', 'run', one],
  ['POST', 'fast/run', two],
]);

t.test('the end of the path decides, and two segments win over one', t => {
  t.same(table.find('POST', ['run']), { row: one, length: 1 });
  t.same(table.find('POST', ['v1', 'any', 'run']), { row: one, length: 1 });
  t.same(table.find('POST', ['v1', 'fast', 'run']), { row: two, length: 2 });
  t.end();
});

t.test('method, order and whole segments count', t => {
  t.equal(table.find('GET', ['run']), null);
  t.equal(table.find('POST', ['run', 'v1']), null);
  t.equal(table.find('POST', ['v1', 'xrun']), null);
  t.equal(table.find('POST', ['Run']), null);
  t.equal(table.find('POST', []), null);
  t.equal(table.find('POST', ['__proto__']), null);
  t.end();
});

t.test('positions are of whole words within the last segments', t => {
  t.equal(positionFromEnd(['a', 'b', 'c'], 'a', 2), -1);
  t.equal(positionFromEnd(['a', 'b', 'c'], 'b', 2), 1);
  t.equal(positionFromEnd(['a'], 'a', 5), 0);
  t.equal(positionFromEnd([], 'a', 5), -1);
  t.equal(positionFromEnd(['a', 'a'], 'a', 2), 0, 'the leftmost');
  t.ok(isRead('GET') && isRead('HEAD'));
  t.notOk(isRead('DELETE'));
  t.end();
});

t.test('rows are frozen and say no where nothing is said', t => {
  t.throws(() => Object.assign(one, { operation: 'other' }));
  t.hasStrict(one, {
    streams: 'never',
    pathModel: null,
    includeUsageOption: false,
    mandatoryEnd: false,
    usage: null,
  });
  const named = withPathModel(one, 'm');
  t.equal(named.pathModel, 'm');
  t.equal(one.pathModel, null, 'the shared row is not touched');
  t.hasStrict(otherEndpoint('f'), {
    name: 'f',
    family: 'f',
    operation: 'other',
    usage: null,
    streams: 'never',
  });
  t.end();
});
