/** What stands in a request that is not text. */
export type MediaKind = 'image' | 'file';

/** Marks the characters of base64, of both alphabets, and of the escape that some writers put before a slash. */
const BASE64 = marked('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=\\');
/** Of a `data:` URL (RFC 2397), as far as its type. */
const DATA_URL = /^data:([a-z0-9.+/-]*)[^,]{0,100};base64,/i;
/** Shorter ones are counted as text as well: nothing is gained by a closer look. */
const PAYLOAD_BYTES_MIN = 256;
/** A longer beginning of a `data:` URL is none. */
const HEAD_BYTES = 256;

/** Members that hold a payload in base64, or say where one is. */
const PAYLOADS: ReadonlySet<string> = new Set([
  'data',
  'bytes',
  'file_data',
  'fileData',
  'images',
  'image',
  'b64_json',
  'imageBytes',
  'bytesBase64Encoded',
]);
const LINKS: ReadonlySet<string> = new Set([
  'url',
  'uri',
  'image_url',
  'file_url',
  'file_uri',
  'fileUri',
  'file_id',
]);

/** Members that may hold a `data:` URL. Anywhere else the model reads it as the text that it is. */
const DATA_URLS: ReadonlySet<string> = new Set([
  ...PAYLOADS,
  ...LINKS,
  'document_url',
  'audio_url',
  'video_url',
  'input_audio',
  'audio',
  'video',
  'file',
  'document',
]);

const IMAGE_WORD = /image|img/i;
const FILE_WORD = /document|file|audio|video|pdf/i;

function marked(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

/** What a type or a name says of what it is about, null for nothing. */
export function kindOfWord(word: string): MediaKind | null {
  if (IMAGE_WORD.test(word)) return 'image';
  return FILE_WORD.test(word) ? 'file' : null;
}

/** Of a media type: all that is no image is a file. */
export function kindOfType(mediaType: string): MediaKind {
  return /^image\//i.test(mediaType) ? 'image' : 'file';
}

/** What a string under some name is. */
export type Content = 'text' | 'link' | 'payload' | MediaKind;

/**
 * A `data:` URL tells its own kind; a payload in base64 or a link is media only
 * where what surrounds it says of which kind.
 */
export function contentOf(name: string, body: Buffer, start: number, end: number): Content {
  const head = body.toString('latin1', start, Math.min(end, start + HEAD_BYTES));
  const url = DATA_URLS.has(name) && head.startsWith('data:') ? DATA_URL.exec(head) : null;
  if (url !== null && isBase64(body, start + url[0].length, end)) return kindOfType(url[1]!);
  if (LINKS.has(name)) return 'link';
  if (!PAYLOADS.has(name) || end - start < PAYLOAD_BYTES_MIN) return 'text';
  return isBase64(body, start, end) ? 'payload' : 'text';
}

/** All of it: text that hides among base64 would be read by the model all the same. */
function isBase64(body: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && BASE64[body[at]!] === 1) at++;
  return at === end;
}
