import type { Exchange } from '../pipeline/index.ts';

/** Shorter secrets are looked for as they are only: their encodings are words that stand anywhere. */
const ENCODED_CHARS_MIN = 12;

/** Every spelling of what an exchange sent in confidence, for what is read closely: errors, status texts. */
export function formsOf(exchange: Exchange): readonly string[] {
  return exchange.secretTexts().flatMap(secretForms);
}

/**
 * The spellings in which a server may repeat a secret: as it is, URL-encoded,
 * with JSON's escaped slashes, in hex, and in base64 of either alphabet,
 * wherever in the encoded text it begins.
 */
function secretForms(secret: string): readonly string[] {
  if (secret === '') return [];
  if (secret.length < ENCODED_CHARS_MIN) return [secret];
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const forms = [secret, encodeURIComponent(secret), secret.replaceAll('/', '\\/'), hex, hex.toUpperCase()];
  for (let before = 0; before < 3; before++) {
    const text = base64Inside(bytes, before);
    forms.push(text, text.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return [...new Set(forms)];
}

/** The characters of base64 that these bytes alone decide when `before` bytes stand in front of them. */
function base64Inside(bytes: Buffer, before: number): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}
