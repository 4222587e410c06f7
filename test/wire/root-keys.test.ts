import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { scanRootKeys } from '../../lib/wire/index.ts';
import { jsonText, repeatingJson } from './json-text.ts';

/** The texts of the values, by name. */
function texts(body: string, keys: ReadonlyMap<string, { valueStart: number; valueEnd: number }>) {
  const bytes = Buffer.from(body);
  return Object.fromEntries(
    [...keys].map(([name, span]) => [name, bytes.toString('utf8', span.valueStart, span.valueEnd)]),
  );
}

t.test('members with their offsets in bytes', async t => {
  const body =
    ' \r\n\t{ "é" : "ü" ,"model":"m\\"}","stream": true,"n":-1.5e3,"o":{"a":[1,"]"]},"l":[ { } ] , "z":null}\n';
  const found = scanRootKeys(Buffer.from(body))!;
  t.equal(found.openBrace, 4);
  t.equal(found.empty, false);
  t.equal(found.ambiguous, false);
  t.equal(found.nested.size, 0);
  t.strictSame(texts(body, found.keys), {
    é: '"ü"',
    model: '"m\\"}"',
    stream: 'true',
    n: '-1.5e3',
    o: '{"a":[1,"]"]}',
    l: '[ { } ]',
    z: 'null',
  });
});

t.test('an empty object', async t => {
  for (const body of ['{}', ' { \n} ']) {
    const found = scanRootKeys(Buffer.from(body))!;
    t.equal(found.openBrace, body.indexOf('{'));
    t.equal(found.empty, true);
    t.equal(found.ambiguous, false);
    t.equal(found.keys.size, 0);
  }
});

t.test('an escaped name is the name it stands for', async t => {
  const body = '{"mod\\u0065l":"a","\\u0073tream":false,"\\\\":1,"\\n":2}';
  const found = scanRootKeys(Buffer.from(body))!;
  t.strictSame(texts(body, found.keys), { model: '"a"', stream: 'false', '\\': '1', '\n': '2' });
  t.equal(found.ambiguous, false);
});

t.test('a repeated name is ambiguous, however it is written', async t => {
  for (const body of ['{"model":"a","model":"b"}', '{"model":"a","x":1,"mod\\u0065l":"b"}', '{"":1,"":1}']) {
    const found = scanRootKeys(Buffer.from(body))!;
    t.equal(found.ambiguous, true, body);
  }
  const last = '{"model":"a","mod\\u0065l":"b"}';
  t.strictSame(texts(last, scanRootKeys(Buffer.from(last))!.keys), { model: '"b"' });
  t.equal(scanRootKeys(Buffer.from('{"a":{"model":1},"model":2,"Model":3}'))!.ambiguous, false);
});

t.test('members of nested objects, where asked for', async t => {
  const body = '{"stream_options":{ "include_usage":true,"x":[]},"other":{"a":1,"a":2},"text":"{}"}';
  const found = scanRootKeys(Buffer.from(body), ['stream_options', 'text', 'none'])!;
  t.equal(found.ambiguous, false);
  t.strictSame([...found.nested.keys()], ['stream_options']);
  const options = found.nested.get('stream_options')!;
  t.equal(options.openBrace, body.indexOf('{', 1));
  t.equal(options.empty, false);
  t.strictSame(texts(body, options.keys), { include_usage: 'true', x: '[]' });
  const other = scanRootKeys(Buffer.from(body), ['other'])!;
  t.equal(other.ambiguous, true);
  t.equal(other.nested.get('other')!.ambiguous, true);
  t.equal(scanRootKeys(Buffer.from('{"o":{}}'), ['o'])!.nested.get('o')!.empty, true);
  t.equal(scanRootKeys(Buffer.from('{"o":{"a":1,"\\u0061":1}}'), ['o'])!.ambiguous, true);
});

t.test('anything else than one well-formed object is null', async t => {
  const bad = [
    '',
    ' ',
    '[]',
    '1',
    '"{}"',
    '{',
    '{}}',
    '{}{}',
    '{},',
    '{"a":1,}',
    '{"a"}',
    '{a:1}',
    "{'a':1}",
    '{"a":01}',
  ];
  bad.push(
    '\ufeff{}',
    '{"a":"\t"}',
    '{"a":NaN}',
    '{"a":1}x',
    '\u00a0{}',
    '{"a":[}',
    '{"\\x":1}',
    '{"a":[1}]',
  );
  for (const body of bad) t.equal(scanRootKeys(Buffer.from(body)), null, body);
  t.equal(scanRootKeys(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), null, 'not UTF-8');
  t.equal(scanRootKeys(Buffer.from([0x22, 0xc3, 0x22])), null, 'not UTF-8');
});

t.test('depth is no matter', async t => {
  const body = `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)},"model":"m"}`;
  t.strictSame(texts(body, scanRootKeys(Buffer.from(body))!.keys).model, '"m"');
  t.equal(scanRootKeys(Buffer.from(`{"a":${'['.repeat(60_000)}`)), null);
});

t.test('any text: null unless JSON.parse gives an object, else its members', async t => {
  fc.assert(
    fc.property(
      fc.oneof(
        jsonText,
        fc.string({ unit: fc.constantFrom('{', '}', '"', ':', ',', 'a', '1', '\\', ' '), maxLength: 12 }),
      ),
      body => {
        const found = scanRootKeys(Buffer.from(body), ['a', 'usage']);
        let value: unknown = null;
        try {
          value = JSON.parse(body);
        } catch {
          // Stays null.
        }
        if (value === null || typeof value !== 'object' || Array.isArray(value)) return found === null;
        if (found === null) return false;
        const entries = [...found.keys].map(([name, span]): [string, unknown] => [
          name,
          JSON.parse(Buffer.from(body).toString('utf8', span.valueStart, span.valueEnd)),
        ]);
        const inner = [...found.nested].every(([name, keys]) => {
          const object = (value as Record<string, object>)[name]!;
          return isDeepStrictEqual(new Set(keys.keys.keys()), new Set(Object.keys(object)));
        });
        return isDeepStrictEqual(Object.fromEntries(entries), { ...value }) && inner;
      },
    ),
    { numRuns: 3000 },
  );
  t.pass('held');
});

t.test('any object with repeated names: the last value of each, and ambiguous', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', '\\u0061'), repeatingJson), { maxLength: 5 }),
      members => {
        const body = `{${members.map(([name, json]) => `"${name}":${json.text}`).join(',')}}`;
        const names = members.map(([name]) => (name === '\\u0061' ? 'a' : name));
        const found = scanRootKeys(Buffer.from(body))!;
        const expected: Record<string, string> = {};
        for (const [i, name] of names.entries()) expected[name] = members[i]![1].text.trim();
        return (
          found.ambiguous === new Set(names).size < names.length &&
          isDeepStrictEqual(texts(body, found.keys), expected)
        );
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('held');
});
