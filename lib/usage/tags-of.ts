import type { Exchange, Fact } from '../pipeline/index.ts';

const TAG_CHARACTERS_MAX = 256;

/** The key's tags and those of the headers that config names (lower case); null where config names none. No header changes a tag of the key. */
export function tagsOf(exchange: Exchange, headers: readonly string[]): Fact['tags'] | null {
  if (headers.length === 0) return null;
  const tags: Record<string, string> = Object.create(null);
  for (const name of headers) {
    const value = exchange.req.headers[name];
    if (typeof value === 'string') tags[name] = value.slice(0, TAG_CHARACTERS_MAX);
  }
  return { ...tags, ...exchange.principal?.tags };
}
