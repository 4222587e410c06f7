import fc from 'fast-check';

/** JSON texts as a hostile or careless writer may write them: any white space, needless escapes, repeated keys. */

const NAMES = ['a', 'b', 'usage', 'é', '😀', '0', '1', '', '/', '~', '-', '#', 'a"b', '__proto__', '\n'];

// No name holds a backslash: once V8 14.6 has seen an object with the member `\\`, its JSON.parse takes an
// escaped name after the same members for that one, and would be no judge.
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES) },
  fc.string({ unit: 'binary', maxLength: 6 }).filter(text => !text.includes('\\')),
);

const space = fc.constantFrom('', '', '', ' ', '\n', '\r\n\t', '  ');

/** A JSON text and the value it stands for. */
export interface Written {
  readonly text: string;
  readonly value: unknown;
}

interface Name {
  readonly text: string;
  readonly name: string;
}

function escapeAll(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) out += `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return `"${out}"`;
}

function quoted(text: fc.Arbitrary<string>): fc.Arbitrary<Name> {
  return fc
    .tuple(text, fc.nat(5))
    .map(([value, way]) => ({ name: value, text: way === 0 ? escapeAll(value) : JSON.stringify(value) }));
}

const longText = fc
  .tuple(fc.constantFrom('x', 'é', '\\', '"', '\\"', '{"a":[', ']}'), fc.integer({ min: 1, max: 90 }))
  .map(([piece, count]) => piece.repeat(count));

const leaf: fc.Arbitrary<Written> = fc.oneof(
  quoted(fc.oneof(name, fc.string({ unit: 'binary' }), longText)).map(one => ({
    text: one.text,
    value: one.name,
  })),
  fc
    .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    .map(value => ({ text: JSON.stringify(value), value: value === 0 ? 0 : value })),
  fc
    .constantFrom('null', 'true', 'false', '0', '-0', '1E+5', '-1.25e-3', '900719925474099312345')
    .map(text => ({ text, value: JSON.parse(text) as unknown })),
);

function list(items: readonly (readonly [string, Written, string])[], pad: string): Written {
  return {
    text: `[${pad}${items.map(([a, item, b]) => a + item.text + b).join(',')}]`,
    value: items.map(([, item]) => item.value),
  };
}

type Member = readonly [string, Name, string, string, Written, string];

/** The last of repeated names wins. */
function members(all: readonly Member[], pad: string): Written {
  const value: Record<string, unknown> = {};
  for (const [, key, , , item] of all) {
    Object.defineProperty(value, key.name, {
      value: item.value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  const inner = all.map(([a, key, b, c, item, d]) => `${a}${key.text}${b}:${c}${item.text}${d}`);
  return { text: `{${pad}${inner.join(',')}}`, value };
}

function texts(repeats: boolean): fc.Arbitrary<Written> {
  return fc.letrec<{ value: Written }>(tie => {
    const member = fc.tuple(space, quoted(name), space, space, tie('value'), space);
    const object = repeats
      ? fc.array(member, { maxLength: 6 })
      : fc.uniqueArray(member, { maxLength: 6, selector: one => one[1].name });
    return {
      value: fc.oneof(
        { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
        leaf,
        fc
          .tuple(fc.array(fc.tuple(space, tie('value'), space), { maxLength: 5 }), space)
          .map(args => list(...args)),
        fc.tuple(object, space).map(args => members(...args)),
      ),
    };
  }).value;
}

/** No name twice in an object. */
export const jsonText: fc.Arbitrary<string> = texts(false).map(one => one.text);

export const repeatingJson: fc.Arbitrary<Written> = texts(true);

/** A container, as every body is. */
export const jsonContainerText: fc.Arbitrary<string> = fc.oneof(
  jsonText.map(text => `[${text}]`),
  fc.tuple(quoted(name), jsonText).map(([key, text]) => `{${key.text}:${text}}`),
);

function token(text: string): string {
  return text.replaceAll('~', '~0').replaceAll('/', '~1');
}

export const pointer: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...NAMES, '2', '3') }, name), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([tokens, counts]) => tokens.map(text => `/${token(text)}`).join('') + (counts ? '/-/#' : ''));

/** What a pointer yields of a parsed text. */
export function lookup(document: unknown, text: string): unknown {
  const counts = text.endsWith('/-/#');
  const path = counts ? text.slice(0, -4) : text;
  let value = document;
  for (const raw of path.split('/').slice(1)) {
    const step = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) {
      if (!/^(?:0|[1-9][0-9]*)$/.test(step)) return undefined;
      value = value[Number(step)];
    } else if (value !== null && typeof value === 'object' && Object.hasOwn(value, step)) {
      value = (value as Record<string, unknown>)[step];
    } else {
      return undefined;
    }
  }
  if (!counts) return value;
  return Array.isArray(value) ? value.length : undefined;
}
