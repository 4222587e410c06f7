import fc from 'fast-check';

/** JSON texts as a hostile or careless writer may write them: repeated keys, any white space, needless escapes. */

const NAMES = [
  'a',
  'b',
  'usage',
  'é',
  '😀',
  '0',
  '1',
  '',
  '/',
  '~',
  '-',
  '#',
  'a"b',
  '__proto__',
  '\\',
  '\n',
];

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES) },
  fc.string({ unit: 'binary', maxLength: 6 }),
);

const space = fc.constantFrom('', '', '', ' ', '\n', '\r\n\t', '  ');

function escapeAll(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) out += `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return `"${out}"`;
}

function written(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(text, fc.nat(5))
    .map(([value, way]) => (way === 0 ? escapeAll(value) : JSON.stringify(value)));
}

const longText = fc
  .tuple(fc.constantFrom('x', 'é', '\\', '"', '\\"', '{"a":[', ']}'), fc.integer({ min: 1, max: 90 }))
  .map(([piece, count]) => piece.repeat(count));

const leaf = fc.oneof(
  written(fc.oneof(name, fc.string({ unit: 'binary' }), longText)),
  fc
    .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    .map(value => JSON.stringify(value)),
  fc.constantFrom('null', 'true', 'false', '0', '-0', '1E+5', '-1.25e-3', '900719925474099312345'),
);

export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .tuple(space, fc.array(fc.tuple(space, tie('value'), space), { maxLength: 5 }))
      .map(([pad, items]) => `[${pad}${items.map(item => item.join('')).join(',')}]`),
    fc
      .tuple(
        space,
        fc.array(fc.tuple(space, written(name), space, space, tie('value'), space), { maxLength: 6 }),
      )
      .map(([pad, members]) => {
        const inner = members.map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`);
        return `{${pad}${inner.join(',')}}`;
      }),
  ),
})).value;

/** A container, as everything is that bodies hold. */
export const jsonContainerText: fc.Arbitrary<string> = fc.oneof(
  jsonText.map(text => `[${text}]`),
  fc.tuple(written(name), jsonText).map(([key, text]) => `{${key}:${text}}`),
  fc
    .tuple(written(name), jsonText, written(name), jsonText)
    .map(([k1, v1, k2, v2]) => `{${k1}:${v1}, ${k2} : ${v2}}`),
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
