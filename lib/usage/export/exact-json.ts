/** Since V8 11.4; the compiler's library does not know it yet. */
interface RawJson {
  rawJSON(text: string): unknown;
}

/** JSON in which a bigint is a number of any size: a sum of nano-dollars may pass what a double holds. */
export function exactJson(value: unknown, indent?: number): string {
  const { rawJSON } = JSON as unknown as RawJson;
  return JSON.stringify(
    value,
    (_name, member: unknown) => (typeof member === 'bigint' ? rawJSON(String(member)) : member),
    indent,
  );
}
