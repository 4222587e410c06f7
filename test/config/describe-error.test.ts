import t from 'tap';
import { ConfigReader } from '../../lib/config/index.ts';
import { CONTEXT, summary } from './sample.ts';

/** What a schema says about a value of the key `a`. */
function said(schema: object | boolean, value: unknown): string[] {
  const reader = new ConfigReader({ type: 'object', properties: { a: schema } });
  return summary(reader.readText(JSON.stringify({ a: value }), CONTEXT)).map(line =>
    line.replace('1:6 a: ', ''),
  );
}

t.test('each keyword of JSON Schema has its words', async t => {
  const number = { type: 'number' };
  const string = { type: 'string' };
  const list = { type: 'array' };
  const map = { type: 'object', additionalProperties: true };
  const cases: [object | boolean, unknown, string][] = [
    [{ ...number, minimum: 2 }, 1, 'must be at least 2'],
    [{ ...number, maximum: 2 }, 3, 'must be at most 2'],
    [{ ...number, exclusiveMinimum: 2 }, 2, 'must be more than 2'],
    [{ ...number, exclusiveMaximum: 2 }, 2, 'must be less than 2'],
    [{ ...number, multipleOf: 2 }, 3, 'must be a multiple of 2'],
    [{ ...string, minLength: 2 }, 'x', 'must have at least 2 characters'],
    [{ ...string, maxLength: 2 }, 'xyz', 'must have at most 2 characters'],
    [{ ...string, pattern: '^b+$' }, 'x', 'must match ^b+$'],
    [{ ...string, pattern: '^b+$', expects: 'some b' }, 'x', 'expected some b'],
    [{ ...string, pattern: '^b+$', expects: 'some b' }, 1, 'expected some b, got a number'],
    [{ enum: ['b', 'c'], expects: 'b or more' }, 'x', 'expected b or more'],
    [{ const: 'b' }, 'x', 'expected b'],
    [{ ...list, minItems: 1 }, [], 'must not be empty'],
    [{ ...list, minItems: 2 }, [1], 'must have at least 2 entries'],
    [{ ...list, maxItems: 1 }, [1, 2], 'must have at most 1 entries'],
    [{ ...list, contains: { const: 1 } }, [2], 'lacks an entry that is needed'],
    [{ ...map, minProperties: 1 }, {}, 'must not be empty'],
    [{ ...map, minProperties: 2 }, { b: 1 }, 'must have at least 2 entries'],
    [{ ...map, maxProperties: 1 }, { b: 1, c: 1 }, 'must have at most 1 entries'],
    [false, 1, 'is not allowed here'],
    [{ ...string, not: { const: 'b' } }, 'b', 'this value is not allowed'],
    [
      { ...map, oneOf: [{ required: ['b'] }, { required: ['c', 'd'] }] },
      {},
      'needs exactly one of b, c with d',
    ],
    [
      { ...map, oneOf: [{ required: ['b'] }, { required: ['c'] }] },
      { b: 1, c: 1 },
      'needs exactly one of b, c',
    ],
    [{ ...map, anyOf: [{ not: { required: ['b'] } }] }, { b: 1 }, 'this combination of keys is not allowed'],
    [{ type: ['string', 'null'] }, 1, 'expected text or nothing, got a number'],
    [{ type: ['string', 'boolean', 'array'] }, 1, 'expected text, true or false or a list, got a number'],
  ];
  for (const [schema, value, expected] of cases) {
    t.strictSame(said(schema, value), [expected], JSON.stringify(schema));
  }
});

t.test('unions name all their sides, and report against the one that was meant', async t => {
  const union = (...sides: object[]) => ({ oneOf: sides });
  const path = { path: true };
  const waitMs = { duration: true };
  const cases: [object, unknown, string[]][] = [
    [union({ const: 'off' }, waitMs), 'soon', ['expected a duration such as 500ms, 30s or 5m']],
    [
      union({ const: 'off' }, waitMs),
      true,
      ['expected off or a duration such as 500ms, 30s or 5m, got true or false'],
    ],
    [
      union({ bytes: true }, { type: 'boolean' }),
      [],
      ['expected a size such as 32MiB or 500kB or true or false, got a list'],
    ],
    [union({ text: true }, { type: 'boolean' }), 1, ['expected file:PATH or true or false, got a number']],
    [union(path, { type: 'array' }), 1, ['expected text or a list, got a number']],
    [
      union({ enum: ['x', 'y'], expects: 'a letter' }, { type: 'number' }),
      [],
      ['expected a letter or a number, got a list'],
    ],
    [
      union({ type: ['integer', 'null'] }, { type: 'string', maxLength: 1 }),
      'xy',
      ['must have at most 1 characters'],
    ],
    [
      { anyOf: [{ const: 1 }, { type: 'string' }], allOf: [{ not: { const: 'no' } }] },
      'no',
      ['this value is not allowed'],
    ],
  ];
  for (const [schema, value, expected] of cases)
    t.strictSame(said(schema, value), expected, JSON.stringify(schema));
});

t.test('sides of a union may be references', async t => {
  const reader = new ConfigReader({
    type: 'object',
    $defs: { wait: { $ref: '#/$defs/a~1b' }, 'a/b': { duration: true } },
    properties: { a: { oneOf: [{ $ref: '#/$defs/wait' }, { type: 'boolean' }] } },
  });
  t.match(reader.readText('a: 2s', CONTEXT), { ok: true, settings: { a: 2000 } });
  t.match(reader.readText('a: true', CONTEXT), { ok: true, settings: { a: true } });
  t.strictSame(summary(reader.readText('a: []', CONTEXT)), [
    '1:4 a: expected a duration such as 500ms, 30s or 5m or true or false, got a list',
  ]);
});

t.test('conditions add to a whole and keep their annotations', async t => {
  const schema = {
    type: 'object',
    properties: { kind: { enum: ['a', 'b'] }, size: {} },
    if: { properties: { kind: { const: 'a' } }, required: ['kind'] },
    // biome-ignore lint/suspicious/noThenProperty: the JSON Schema keyword
    then: { properties: { size: { bytes: true } }, required: ['size'] },
    else: { properties: { size: false } },
  };
  const reader = new ConfigReader(schema);
  const read = (text: string) => reader.readText(text, CONTEXT);
  t.match(read('{ kind: a, size: 1KiB }'), { ok: true, settings: { kind: 'a', size: 1024 } });
  t.strictSame(summary(read('{ kind: a, size: x }')), ['1:18 size: expected a size such as 32MiB or 500kB']);
  t.strictSame(summary(read('{ kind: a }')), ['1:1 size: this key is missing']);
  t.strictSame(summary(read('{ kind: b, size: 1 }')), ['1:18 size: is not allowed here']);
  t.strictSame(summary(read('{ kind: c, extra: 1 }')), [
    '1:9 kind: expected a or b',
    '1:12 extra: unknown key; the keys here are kind, size',
  ]);
});

t.test('unevaluated keys and tuples are told too', async t => {
  const composed = new ConfigReader({
    type: 'object',
    allOf: [{ properties: { b: { type: 'number' } } }],
    unevaluatedProperties: false,
  });
  t.strictSame(summary(composed.readText('{ b: 1, c: 2 }', CONTEXT)), ['1:9 c: unknown key']);
  const tuple = {
    type: 'array',
    prefixItems: [{ type: 'number' }, { secret: true }],
    items: false,
    minItems: 2,
  };
  t.strictSame(said(tuple, [1, 'env:RIVER_KEY']), []);
  t.strictSame(said(tuple, ['x', 'env:NO_SUCH']), [
    '1:7 a[0]: expected a number, got text',
    '1:11 a[1]: the environment variable NO_SUCH is not set',
  ]);
});

t.test('a long list of keys is cut', async t => {
  const names = Array.from({ length: 20 }, (_, i) => `setting${String.fromCharCode(97 + i)}xyz`);
  const schema = { type: 'object', properties: Object.fromEntries(names.map(name => [name, {}])) };
  t.match(said(schema, { other: 1 })[0], /settingaxyz, .*, settinglxyz, …$/);
});
