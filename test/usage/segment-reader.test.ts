import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSegment } from '../../lib/usage/segment-reader.ts';
import { factLineOf, journalFolder, openLineOf } from './sample-journal.ts';

const RECORDS = 50;
const MASKS = [0x01, 0x20, 0xff];
const lines = Array.from({ length: RECORDS }, (_, i) =>
  i % 5 === 0 ? openLineOf(i + 1) : factLineOf(i + 1),
);
const whole = Buffer.from(lines.join(''));
const texts = lines.map(line => line.slice(0, -1));

const folder = journalFolder(t);
const path = join(folder, 'a.ndjson');

async function read(bytes: Buffer, from = 0) {
  writeFileSync(path, bytes);
  const read: string[] = [];
  const reading = await readSegment(path, from, record => read.push(record.bytes.toString('utf8')));
  return { ...reading, read };
}

t.test('whole lines are read in order, and none is mistaken for another kind', async t => {
  writeFileSync(path, whole);
  const kinds: string[] = [];
  const { end, broken, torn } = await readSegment(path, 0, ({ kind, seq }) => kinds.push(`${kind} ${seq}`));
  t.strictSame(
    kinds,
    lines.map((_, i) => `${i % 5 === 0 ? 'open' : 'fact'} ${i + 1}`),
  );
  t.strictSame({ end, broken, torn }, { end: whole.length, broken: 0, torn: false });
});

t.test('cut at every byte: all records before the cut are read', async t => {
  let wrong = 0;
  for (let length = 0; length <= whole.length; length++) {
    const cut = whole.subarray(0, length);
    const { read: found, end, broken, torn } = await read(cut);
    const ends = cut.lastIndexOf(0x0a) + 1;
    const count = cut.toString('latin1').split('\n').length - 1;
    const isRight = found.length === count && found.every((text, i) => text === texts[i]);
    if (!isRight || end !== ends || broken !== 0 || torn !== length > ends) wrong++;
  }
  t.equal(wrong, 0);
});

t.test('every byte changed: the checksum catches it, and all other records are read', async t => {
  let wrong = 0;
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= MASKS[at % MASKS.length]!;
    const { read: found, broken, torn } = await read(bytes);
    const hit = whole.subarray(0, at).toString('latin1').split('\n').length - 1;
    const isNewline = whole[at] === 0x0a;
    const expected = texts.filter((_, i) => i !== hit || (isNewline && i < RECORDS - 1));
    const isRight = found.length === expected.length && found.every((text, i) => text === expected[i]);
    if (!isRight || (broken === 0 && !torn)) wrong++;
  }
  t.equal(wrong, 0);
});

t.test('reading goes on where it ended, and passes over what is no line in bounded memory', async t => {
  const first = await read(whole.subarray(0, whole.length - 7));
  t.equal(first.read.length, RECORDS - 1);
  t.strictSame((await read(whole, first.end)).read, texts.slice(-1));
  const junk = Buffer.alloc(3 * 1024 * 1024, 0x61);
  const { read: found, broken } = await read(Buffer.concat([whole, junk, Buffer.from('\n'), whole]));
  t.strictSame(found, [...texts, ...texts]);
  t.equal(broken, 1);
});
