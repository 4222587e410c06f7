import { setImmediate } from 'node:timers/promises';
import type { Exchange } from '../../pipeline/index.ts';
import { readForm } from '../../wire/index.ts';
import { type BodyBound, BodyReading } from './body-reading.ts';
import { kindOfType } from './media-kind.ts';

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
const OPEN_BRACE = 0x7b;
const SPACE = 0x20;
/** Read at a time: some milliseconds at most. */
const STEP_BYTES = 256 * 1024;

/** Of a request without a body, or whose body is no matter. */
export const NO_BODY: BodyBound = Object.freeze({
  textBytes: 0,
  images: 0,
  files: 0,
  references: 0,
  outputTokens: null,
  mayAnswerMore: false,
  answers: 1,
  hasMedia: false,
  hasOtherModel: false,
});

/** What bounds the tokens of a request whose body is in hand. A promise only for a large one. */
export function readRequest(exchange: Exchange): BodyBound | Promise<BodyBound> {
  const { body, req } = exchange;
  if (body === null) return NO_BODY;
  const { 'content-type': type = '', 'content-encoding': coding } = req.headers;
  // What it says is not to be seen; what it uses in the end is charged all the same.
  if (coding !== undefined && coding !== 'identity') return { ...NO_BODY, textBytes: body.length };
  // Some providers read JSON whatever it is called, and behind a mark too.
  const text = body.indexOf(BYTE_ORDER_MARK) === 0 ? body.subarray(BYTE_ORDER_MARK.length) : body;
  if (!beginsObject(text)) {
    if (/^\s*multipart\//i.test(type)) return readParts(exchange, body, type);
    if (/^\s*(?:audio|image|video)\//i.test(type)) return { ...NO_BODY, ...counts(type), hasMedia: true };
  }
  const reading = new BodyReading(text, exchange.endpoint!);
  return reading.readTo(STEP_BYTES) ? reading.result : readOn(reading);
}

function beginsObject(text: Buffer): boolean {
  let at = 0;
  while (at < text.length && text[at]! <= SPACE) at++;
  return text[at] === OPEN_BRACE;
}

async function readOn(reading: BodyReading): Promise<BodyBound> {
  for (let offset = 2 * STEP_BYTES; ; offset += STEP_BYTES) {
    await setImmediate();
    if (reading.readTo(offset)) return reading.result;
  }
}

function counts(type: string): { readonly images: number; readonly files: number } {
  return kindOfType(type.trim()) === 'image' ? { images: 1, files: 0 } : { images: 0, files: 1 };
}

/** A form: each file by its kind, all else as text. The model that it names, once, is the exchange's. */
function readParts(exchange: Exchange, body: Buffer, type: string): BodyBound {
  const fields = readForm(body, type);
  if (fields === null) return { ...NO_BODY, textBytes: body.length };
  const models = fields.filter(({ name, isFile }) => name === 'model' && !isFile);
  if (models.length === 1 && exchange.modelRequested === null) {
    const { start, end } = models[0]!;
    exchange.modelRequested = body.toString('utf8', start, Math.min(end, start + 256));
  }
  const files = fields.filter(({ isFile }) => isFile);
  const images = files.filter(({ contentType }) => kindOfType(contentType ?? '') === 'image').length;
  const fileBytes = files.reduce((sum, { start, end }) => sum + end - start, 0);
  return {
    ...NO_BODY,
    textBytes: body.length - fileBytes,
    images,
    files: files.length - images,
    answers: answersOf(body, fields),
    hasMedia: files.length > 0,
  };
}

function answersOf(body: Buffer, fields: readonly { name: string; start: number; end: number }[]): number {
  const stated = fields
    .filter(({ name }) => name === 'n')
    .map(({ start, end }) => Number(body.toString('latin1', start, Math.min(end, start + 20))));
  return Math.max(1, ...stated.filter(count => count > 1).map(Math.ceil));
}
