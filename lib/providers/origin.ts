/** Where requests of a provider go. */
export interface Origin {
  /** Scheme and authority, lower case, without a default port. */
  readonly origin: string;
  /** Path prefixed to every request; '' or `/…` without a slash at the end. */
  readonly originPath: string;
}

const VARIABLE = /\{([A-Za-z]+)\}/g;

/** Visible ASCII without a backslash, which URL parsers take for a slash. */
const ABSOLUTE_URL = /^https?:\/\/[!-.0-[\]-~][!-[\]-~]*$/i;

/** A host name or address; URL parsers let more through, such as a quote. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/;

/** A DNS label: a value that fills a template never adds a host, port or path of its own. */
export const VARIABLE_VALUE = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** The variables of a template, in order of appearance. */
export function templateVariables(template: string): readonly string[] {
  return [...template.matchAll(VARIABLE)].map(match => match[1]!);
}

/** Fills every `{variable}`; call it with values for all of them. */
export function fillTemplate(template: string, values: ReadonlyMap<string, string>): string {
  return template.replaceAll(VARIABLE, (_, name: string) => values.get(name)!);
}

/** Reads an absolute http(s) URL as origin and path prefix. A string says what is wrong with it. */
export function parseOrigin(text: string): Origin | string {
  const url = ABSOLUTE_URL.test(text) ? URL.parse(text) : null;
  if (url === null || !HOST.test(url.hostname))
    return 'must be an absolute URL such as https://api.example.com';
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user name or password: keys go into keys';
  if (text.includes('?') || text.includes('#')) return 'must have neither a query nor a fragment';
  if (url.pathname.includes('//')) return 'must have no empty path segment';
  return { origin: url.origin, originPath: url.pathname.replace(/\/$/, '') };
}
