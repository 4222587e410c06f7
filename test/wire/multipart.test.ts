import fc from 'fast-check';
import t from 'tap';
import { readForm } from '../../lib/wire/index.ts';

const TYPE = 'multipart/form-data; boundary=B7';

function read(body: string | Buffer, type = TYPE) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body, 'latin1');
  const fields = readForm(bytes, type);
  return (
    fields?.map(
      ({ name, isFile, start, end }) => [name, isFile, bytes.toString('latin1', start, end)] as const,
    ) ?? null
  );
}

/** One field, its header lines as given. */
function part(lines: readonly string[], value: string): string {
  return `--B7\r\n${lines.join('\r\n')}\r\n\r\n${value}\r\n`;
}

const NAMED = 'Content-Disposition: form-data; name="model"';
const field = (value: string, ...lines: string[]) => part([NAMED, ...lines], value);
const END = '--B7--\r\n';

t.test('fields and files, in their order', async t => {
  const file = part(
    ['Content-Disposition: form-data; name="file"; filename="a b.wav"', 'Content-Type: audio/wav'],
    '\u0000\r\n--B\r\n\n\r--',
  );
  t.strictSame(read(`${field('m-1')}${file}${END}`), [
    ['model', false, 'm-1'],
    ['file', true, '\u0000\r\n--B\r\n\n\r--'],
  ]);
  t.strictSame(read(`${field('')}--B7--`), [['model', false, '']], 'no line end after the last delimiter');
  t.equal(
    readForm(Buffer.from(`${field('m', 'Content-Type: text/plain')}${END}`), TYPE)![0]!.contentType,
    'text/plain',
  );
});

t.test('what other stock clients write', async t => {
  for (const lines of [
    ['content-disposition: form-data; name=model'],
    [
      'Content-Disposition: FORM-DATA;name="model"',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Length: 3',
    ],
    ['Content-Disposition:form-data ; name="model" ', 'Content-Transfer-Encoding: 8bit'],
  ]) {
    t.strictSame(read(`${part(lines, 'm-1')}${END}`), [['model', false, 'm-1']], lines.join(' | '));
  }
  for (const type of [
    'multipart/form-data; boundary="B7"',
    'Multipart/Form-Data;Boundary=B7',
    'multipart/form-data; charset=utf-8; boundary=B7',
    'multipart/form-data; boundary=B7; charset="UTF-8"',
  ]) {
    t.strictSame(read(`${field('m')}${END}`, type), [['model', false, 'm']], type);
  }
  const long = part([`Content-Disposition: form-data; name="file"; filename*=utf-8''na%C3%AFve`], 'x');
  t.strictSame(read(`${long}${END}`), [['file', true, 'x']]);
});

t.test('a name may be any UTF-8', async t => {
  const named = part([`Content-Disposition: form-data; name="${Buffer.from('é').toString('latin1')}"`], 'x');
  t.strictSame(read(`${named}${END}`), [['é', false, 'x']]);
  t.equal(read(`${part(['Content-Disposition: form-data; name="\xff"'], 'x')}${END}`), null);
});

t.test('types that leave the boundary open', async t => {
  for (const type of [
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=B7; boundary=B8',
    'multipart/form-data; boundary=B7; Boundary=B7',
    'multipart/form-data; boundary="B\\7"',
    'multipart/form-data; boundary="B7 "',
    'multipart/form-data; boundary="B7',
    'multipart/form-data; boundary=B7,B8',
    "multipart/form-data; boundary*=utf-8''B7",
    'multipart/form-data; boundary*0=B; boundary*1=7',
    'multipart/form-data; boundary=B7; charset=utf-16',
    'multipart/form-data; boundary=B7; x=y',
    'multipart/form-data boundary=B7',
    'multipart/form-data,application/json; boundary=B7',
    'multipart/mixed; boundary=B7',
    `multipart/form-data; boundary=${'B'.repeat(71)}`,
    'application/json; boundary=B7',
  ]) {
    t.equal(read(`${field('m')}${END}`, type), null, type);
  }
});

t.test('bodies that two readers may divide differently', async t => {
  const bodies: Record<string, string> = {
    empty: '',
    'a preamble': `x\r\n${field('m')}${END}`,
    'an empty line before': `\r\n${field('m')}${END}`,
    'an epilogue': `${field('m')}${END}x`,
    'no end': field('m'),
    'cut in the end': `${field('m')}--B7-`,
    'the boundary in a preamble': `--B7 \r\n${field('m')}${END}`,
    'space behind the boundary': field('m').replace('--B7', '--B7 ') + END,
    'a delimiter with something behind': `${field('m')}--B7x\r\n${END}`,
    'line feeds alone': `${field('m')}${END}`.replaceAll('\r\n', '\n'),
    'a line feed alone before a delimiter': `${field('x\n--B7\r\nContent-Disposition: form-data; name="y"\r\n\r\nz')}${END}`,
    'the boundary within a value': `${field('x--B7y')}${END}`,
    'the boundary within a header': `${part([`${NAMED}; filename="--B7"`], 'm')}${END}`,
    'no header': `--B7\r\n\r\nm\r\n${END}`,
    'no value': `--B7\r\n${NAMED}\r\n${END}`,
    'a nested form': `${field('m', 'Content-Type: multipart/mixed; boundary=C')}${END}`,
  };
  for (const [what, body] of Object.entries(bodies)) t.equal(read(body), null, what);
  t.strictSame(read(END), [], 'a form without fields is one');
});

t.test('headers of parts that two readers may take differently', async t => {
  const headers: readonly (readonly string[])[] = [
    ['Content-Type: text/plain'],
    [NAMED, NAMED],
    [NAMED, 'Content-Disposition: form-data; name="other"'],
    ['Content-Disposition: attachment; name="model"'],
    ['Content-Disposition: form-data'],
    ['Content-Disposition: form-data; filename="model"'],
    ['Content-Disposition: form-data; name="model"; name="other"'],
    ['Content-Disposition: form-data; name="other"; Name="model"'],
    ["Content-Disposition: form-data; name*=utf-8''model"],
    ['Content-Disposition: form-data; name*0="mo"; name*1="del"'],
    ['Content-Disposition: form-data; name="mod\\el"'],
    ['Content-Disposition: form-data; name="other\\"; name=\\"model"'],
    ['Content-Disposition: form-data; name="other'],
    ['Content-Disposition: form-data; name=other model'],
    ['Content-Disposition: form-data; name="model" x'],
    ['Content-Disposition: form-data, name="model"'],
    ['Content-Disposition: form-data; name="model"; size=1'],
    ['Content-Disposition: form-data;', ' name="model"'],
    ['Content-Disposition: form-data; name="other"', '\tname="model"'],
    ['Content-Disposition : form-data; name="model"'],
    [' Content-Disposition: form-data; name="model"'],
    ['Content-Disposition: form-data; name="model"\nX: y'],
    ['Content-Disposition: form-data; name="model"\rX: y'],
    ['Content-Disposition: form-data; name="mo\u0000del"'],
    [NAMED, 'Content-Transfer-Encoding: base64'],
    [NAMED, 'Content-Transfer-Encoding: quoted-printable'],
    [NAMED, 'Content-Length: 5'],
    [NAMED, 'Content-Encoding: gzip'],
    [NAMED, 'X-Other: 1'],
    [NAMED, `Content-Type: ${'x'.repeat(9000)}`],
  ];
  for (const lines of headers)
    t.equal(read(`${part(lines, 'm')}${END}`), null, lines.join(' | ').slice(0, 80));
});

t.test('no more parts than anybody needs', async t => {
  t.equal(read(`${field('m').repeat(256)}${END}`)!.length, 256);
  t.equal(read(`${field('m').repeat(257)}${END}`), null);
});

t.test('any form that the runtime writes is read back', async t => {
  const name = fc.string({
    unit: fc.constantFrom('a', 'é', '[', ']', ' ', '=', ';', "'", '\u4e16'),
    maxLength: 8,
  });
  const value = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', '-', '\r\n', '\n', 'é', '"', '\\'), maxLength: 20 }),
    fc.uint8Array({ maxLength: 40 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 5 }), async entries => {
      const form = new FormData();
      for (const [key, content] of entries) {
        if (typeof content === 'string') form.append(key, content);
        else form.append(key, new Blob([content as Uint8Array<ArrayBuffer>]), 'a.bin');
      }
      const written = new Response(form);
      const body = Buffer.from(await written.arrayBuffer());
      const fields = readForm(body, written.headers.get('content-type')!)!;
      return entries.every(([key, content], i) => {
        const { name: readName, isFile, start, end } = fields[i]!;
        // The runtime writes every line end as CRLF.
        const expected = Buffer.from(
          typeof content === 'string' ? content.replace(/\r?\n/g, '\r\n') : content,
        );
        return (
          readName === key &&
          isFile === (typeof content !== 'string') &&
          body.subarray(start, end).equals(expected)
        );
      });
    }),
    { numRuns: 500 },
  );
  t.pass('held');
});
