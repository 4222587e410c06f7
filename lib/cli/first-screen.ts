import type { Paint } from './paint.ts';
import { tableLines } from './table.ts';

/** A provider as the first screen shows it. */
export interface ShownProvider {
  readonly name: string;
  readonly clients: readonly { readonly tool: string; readonly base: string }[];
}

export interface FirstScreen {
  /** What the gateway listens on, as it says it. */
  readonly url: string;
  /** Where the ops listener is, or null without one. */
  readonly opsUrl: string | null;
  /** Name of the scripted provider, null where it is not configured. */
  readonly demo: string | null;
  /** Providers whose tools are worth a line. */
  readonly providers: readonly ShownProvider[];
  /** Whose key a tool must have: the user's own, one of this gateway's, or none. */
  readonly key: 'own' | 'client' | 'none';
  /** How to call this program again. */
  readonly invocation: string;
}

const TURN = '[{"role":"user","content":"hi"}]';

const KEY_ADVICE: Readonly<Record<FirstScreen['key'], string>> = {
  own: 'keep your own key',
  client: 'and as its key one of this gateway’s: weir key mint, or one of auth.staticKeys',
  none: 'any key will do',
};

const DEMO_WITHOUT_KEY = 'Try it: the built-in demo needs no key and no network';
const DEMO_WITH_KEY = 'Try it: the built-in demo needs no network, and as KEY one of this gateway’s';
/** Every dialect takes it there. */
const KEY_OPTION = '-H "Authorization: Bearer $KEY" ';

/** One call of each dialect; `-N` shows the words as they come. */
const DEMO_CALLS: readonly (readonly [path: string, body: string])[] = [
  ['/v1/chat/completions', `{"model":"demo","stream":true,"messages":${TURN}}`],
  ['/v1/responses', '{"model":"demo","stream":true,"input":"hi"}'],
  ['/v1/messages', `{"model":"demo","max_tokens":99,"stream":true,"messages":${TURN}}`],
  ['/v1beta/models/demo:streamGenerateContent?alt=sse', '{"contents":[{"parts":[{"text":"hi"}]}]}'],
  ['/api/chat', `{"model":"demo","messages":${TURN}}`],
  ['/v2/chat', `{"model":"demo","stream":true,"messages":${TURN}}`],
];

/**
 * What `serve` prints once it listens. The first line is the same on a terminal
 * and in a log, so that a program can read the address from it.
 */
export function firstScreenLines(screen: FirstScreen, paint: Paint): readonly string[] {
  const lines = [`Weir listens on ${screen.url}`];
  if (screen.opsUrl !== null) lines.push(`Ops listens on ${screen.opsUrl}`);
  const reachable = reachableUrl(screen.url);
  if (screen.demo !== null) {
    const needsKey = screen.key === 'client';
    lines.push('', paint.strong(needsKey ? DEMO_WITH_KEY : DEMO_WITHOUT_KEY));
    const via = needsKey ? { ...reachable, options: `${reachable.options}${KEY_OPTION}` } : reachable;
    for (const [path, body] of DEMO_CALLS) lines.push(`  ${curl(via, `/${screen.demo}${path}`, body)}`);
  }
  if (screen.providers.length > 0) {
    const rows = screen.providers.flatMap(provider => toolRows(provider, reachable.base));
    lines.push('', paint.strong(`Point a tool at it: set its base URL, ${KEY_ADVICE[screen.key]}`));
    lines.push(...tableLines(rows).map(line => `  ${line}`));
  }
  const rest = [
    [`${screen.invocation} providers`, 'every provider and its base URLs'],
    [`${screen.invocation} verify`, 'asks this gateway whether it works'],
    ['Ctrl-C', 'lets running requests finish, then stops'],
  ];
  lines.push('', ...tableLines(rest).map(line => `  ${paint.faint(line)}`), '');
  return lines;
}

/** Tools that want the same base URL share a line. */
function toolRows(provider: ShownProvider, base: string): readonly (readonly string[])[] {
  const tools = new Map<string, string[]>();
  for (const client of provider.clients) {
    const sharing = tools.get(client.base);
    if (sharing === undefined) tools.set(client.base, [client.tool]);
    else sharing.push(client.tool);
  }
  return [...tools].map(([path, names]) => [names.join(', '), `${base}/${provider.name}${path}`]);
}

interface Reachable {
  readonly base: string;
  /** Options curl needs to get there. */
  readonly options: string;
}

/** Where a client on this machine finds the gateway: a wildcard address is not one to connect to. */
function reachableUrl(url: string): Reachable {
  if (!/^https?:/.test(url)) {
    return { base: 'http://localhost', options: `--unix-socket ${url.replace(/^unix:/, '')} ` };
  }
  return {
    base: url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:'),
    options: url.startsWith('https:') ? '-k ' : '',
  };
}

function curl({ base, options }: Reachable, path: string, body: string): string {
  const url = path.includes('?') ? `'${base}${path}'` : base + path;
  return `curl -N ${options}${url} -d '${body}'`;
}
