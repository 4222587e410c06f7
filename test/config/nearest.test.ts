import fc from 'fast-check';
import t from 'tap';
import { nearest } from '../../lib/config/nearest.ts';

const KEYS = ['host', 'port', 'path', 'workers', 'trustedProxies', 'bodyBytes', 'maxEntries', 'tls', 'id'];

t.test('slips lead to the key that was meant', async t => {
  const cases: [string, string | null][] = [
    ['prot', 'port'],
    ['pot', 'port'],
    ['poort', 'port'],
    ['part', 'port'],
    ['paht', 'path'],
    ['PORT', 'port'],
    ['body_bytes', 'bodyBytes'],
    ['body-bytes', 'bodyBytes'],
    ['bodybytes', 'bodyBytes'],
    ['bodyByte', 'bodyBytes'],
    ['trusted', 'trustedProxies'],
    ['trustProxies', 'trustedProxies'],
    ['workersCount', 'workers'],
    ['maxEntires', 'maxEntries'],
    ['tsl', 'tls'],
    ['ids', 'id'],
    ['xyz', null],
    ['x', null],
    ['ab', null],
    ['', null],
    ['unrelated', null],
    [`${'x'.repeat(70)}`, null],
  ];
  for (const [name, expected] of cases) t.equal(nearest(name, KEYS), expected, name);
  t.equal(nearest('port', []), null);
  t.equal(nearest('port', ['y'.repeat(70)]), null);
});

t.test('a key with one or two slips is near, whatever the slips', async t => {
  const word = fc.stringMatching(/^[a-z]{6,12}$/);
  const slips = fc.array(fc.tuple(fc.nat(11), fc.constantFrom('delete', 'insert', 'swap', 'replace')), {
    minLength: 1,
    maxLength: 2,
  });
  const slip = (text: string, [at, kind]: [number, string]): string => {
    const [before, after] = [text.slice(0, at), text.slice(at)];
    if (kind === 'insert') return `${before}q${after}`;
    if (kind === 'delete') return before + after.slice(1);
    if (kind === 'replace') return after === '' ? before : `${before}q${after.slice(1)}`;
    return before + after.charAt(1) + after.charAt(0) + after.slice(2);
  };
  fc.assert(
    fc.property(word, slips, (key, changes) => {
      // Two changes at one place can cost more than two slips; far places never do.
      const apart = changes.length < 2 || Math.abs(changes[0]![0] - changes[1]![0]) > 2;
      fc.pre(apart);
      return nearest(changes.reduce(slip, key), [key]) === key;
    }),
  );
  t.pass('held');
});
