/** A secret that is planted to see whether it turns up where it must not. */
export interface Canary {
  readonly name: string;
  readonly value: string;
}

/** Characters by which a person would recognise a key. */
const TAIL = 8;

/**
 * The base64 characters that `value` gives wherever it stands in a longer text:
 * one spelling for each of the three places it can have in a group of three bytes.
 */
function base64Inside(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].map(before => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const first = Math.ceil((before * 8) / 6);
    const whole = Math.floor(((before + bytes.length) * 8) / 6);
    return text.slice(first, whole);
  });
}

/** Each way in which a secret may be spelled, by its name: as it is, encoded, its last characters. */
export function spellings(value: string): ReadonlyMap<string, string> {
  const escaped = encodeURIComponent(value);
  const hex = Buffer.from(value).toString('hex');
  const found = new Map<string, string>([
    ['as it is', value],
    ['in URL encoding', escaped],
    ['in URL encoding, lower case', escaped.replace(/%../g, octet => octet.toLowerCase())],
    ['in JSON with escaped slashes', value.replaceAll('/', '\\/')],
    ['in hex', hex],
    ['in hex, upper case', hex.toUpperCase()],
    ['by its last characters', value.slice(-TAIL)],
  ]);
  base64Inside(value).forEach((text, place) => {
    found.set(`in base64, place ${place}`, text);
    found.set(`in base64url, place ${place}`, text.replaceAll('+', '-').replaceAll('/', '_'));
  });
  return found;
}

/** Which canaries a text holds, and how: `pool-1 in hex`. */
export function sightings(text: string, canaries: readonly Canary[]): readonly string[] {
  return canaries.flatMap(({ name, value }) =>
    [...spellings(value)].flatMap(([how, spelled]) => (text.includes(spelled) ? [`${name} ${how}`] : [])),
  );
}
