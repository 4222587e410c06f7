import { WireFault } from './wire-fault.ts';

/** Header fields in order, names and values as on the wire (latin1). */
export type Fields = readonly (readonly [name: string, value: string])[];

/** A request or response head. */
export interface Head {
  /** The bytes up to and with the blank line. */
  readonly raw: Buffer;
  readonly startLine: string;
  readonly fields: Fields;
}

const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/s;

/** Parses a head that ends with its blank line. Strict: CRLF only, no folding, no space before the colon. */
export function parseHead(raw: Buffer): Head {
  const text = raw.toString('latin1');
  if (!text.endsWith('\r\n\r\n')) throw new WireFault('head does not end with a blank line');
  const lines = text.slice(0, -4).split('\r\n');
  const fields = lines.slice(1).map((line): readonly [string, string] => {
    const match = FIELD.exec(line);
    if (match === null || /[\r\n\0]/.test(line))
      throw new WireFault(`bad field line ${JSON.stringify(line)}`);
    return [match[1]!, match[2]!];
  });
  return { raw, startLine: lines[0]!, fields };
}

/** The values of every field of that name, in order. */
export function fieldValues(fields: Fields, name: string): readonly string[] {
  const wanted = name.toLowerCase();
  return fields.filter(([candidate]) => candidate.toLowerCase() === wanted).map(([, value]) => value);
}

/** Field lines, each with its CRLF. */
export function formatFields(fields: Fields): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}
