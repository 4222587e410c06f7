/** Since V8 11.4; the compiler's library does not know it yet. */
interface RawJson {
  rawJSON(text: string): unknown;
}

/** For `JSON.stringify`: a number as its digits say it. JSON knows no bounds. */
export function exactNumber(value: bigint): unknown {
  return (JSON as unknown as RawJson).rawJSON(String(value));
}

/** JSON in which a bigint is a number of any size: a sum of nano-dollars may pass what a double holds. */
export function exactJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_name, member: unknown) => (typeof member === 'bigint' ? exactNumber(member) : member),
    indent,
  );
}
