import { JsonReader } from '../wire/index.ts';

const DEPTH_MAX = 512;
/** Some milliseconds; a request that names something stored is not longer. */
const TOKENS_MAX = 200_000;

/** What is known of an open container. */
const NOTHING = 0;
/** The strings in this list are references. */
const LIST = 1;
/** The member `id` of this object is one. */
const OBJECT = 2;

/**
 * The first reference in a JSON body that `find` knows: the value of a member
 * with one of these names, wherever it stands, being an id, a list of ids or an
 * object with an `id`. Null where there is none or the body is no JSON. Names
 * here only steer: a wrong one chooses a key like any other.
 */
export function findReference(
  body: Buffer,
  names: ReadonlySet<string>,
  find: (id: string) => string | null,
): string | null {
  const reader = new JsonReader(body, DEPTH_MAX);
  const kinds = new Uint8Array(DEPTH_MAX + 1);
  let isReference = false;
  let name = '';
  for (let i = 0; i < TOKENS_MAX; i++) {
    switch (reader.next()) {
      case 'name':
        name = reader.text();
        isReference = names.has(name) || (name === 'id' && kinds[reader.depth] === OBJECT);
        break;
      case 'string': {
        const found = isReference || kinds[reader.depth] === LIST ? find(reader.text()) : null;
        if (found !== null) return found;
        isReference = false;
        break;
      }
      case '{':
        kinds[reader.depth] = isReference && name !== 'id' ? OBJECT : NOTHING;
        isReference = false;
        break;
      case '[':
        kinds[reader.depth] = isReference ? LIST : NOTHING;
        isReference = false;
        break;
      case 'other':
        isReference = false;
        break;
      case 'end':
      case 'fault':
        return null;
    }
  }
  return null;
}
