/** Letters of one word that are taken for a token; the words of English and of code mostly are one. */
const WORD_LETTERS = 7;
const NUMBER_DIGITS = 3;
/** Of signs several often share a token; of characters beyond ASCII some do. */
const SIGN_TOKENS = 0.6;
const OTHER_TOKENS = 0.7;

const SPACE = 0;
const LETTER = 1;
const DIGIT = 2;
const SIGN = 3;
const KIND = new Uint8Array(128);
for (let code = 0x21; code < 0x7f; code++) KIND[code] = SIGN;
for (let code = 0x30; code <= 0x39; code++) KIND[code] = DIGIT;
for (let code = 0x41; code <= 0x5a; code++) KIND[code] = KIND[code + 0x20] = LETTER;

/** About how many tokens a text is, without any model's own table: docs/facts.md says how well that does. */
export function textTokens(text: string): number {
  let tokens = 0;
  let kind = SPACE;
  let length = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 0x20 : text.charCodeAt(i);
    // The second half of a pair is the same character.
    if (code >= 0xdc00 && code <= 0xdfff) continue;
    const next = code < 128 ? KIND[code]! : -1;
    if (next === kind && next !== SIGN) {
      length++;
      continue;
    }
    if (kind === LETTER) tokens += Math.ceil(length / WORD_LETTERS);
    else if (kind === DIGIT) tokens += Math.ceil(length / NUMBER_DIGITS);
    if (next === SIGN) tokens += SIGN_TOKENS;
    else if (next === -1) tokens += OTHER_TOKENS;
    kind = next === -1 ? SPACE : next;
    length = 1;
  }
  return tokens;
}
