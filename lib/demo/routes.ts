import { SCRIPT_TEXT } from './script.ts';
import type { Route, Wire } from './wire.ts';
import { chatWire } from './wires/chat.ts';
import { completionsRoute } from './wires/completions.ts';
import { embeddingsRoute } from './wires/embeddings.ts';
import { generateContentWire } from './wires/generate-content.ts';
import { messagesWire } from './wires/messages.ts';
import { modelsRoutes } from './wires/models.ts';
import { nativeChatWire } from './wires/native-chat.ts';
import { responsesRoute } from './wires/responses.ts';
import { stagedChatWire } from './wires/staged-chat.ts';

/** The most widely spoken wire is last: it words the errors of every path nobody else owns. */
const WIRES: readonly Wire[] = [messagesWire, generateContentWire, nativeChatWire, stagedChatWire, chatWire];

const ROUTES: readonly Route[] = [
  ...WIRES.flatMap(wire => wire.routes),
  completionsRoute,
  responsesRoute,
  embeddingsRoute,
  ...modelsRoutes,
  {
    method: 'GET',
    path: /^\/$/,
    reply: () => ({
      kind: 'whole',
      status: 200,
      contentType: 'text/plain; charset=utf-8',
      body: `${SCRIPT_TEXT}\n`,
    }),
  },
];

export interface FoundRoute {
  readonly route: Route;
  readonly captured: readonly string[];
}

/** The route of a request, or null. HEAD finds what GET does. */
export function findRoute(method: string, path: string): FoundRoute | null {
  const wanted = method === 'HEAD' ? 'GET' : method;
  for (const route of ROUTES) {
    if (route.method !== wanted) continue;
    const match = route.path.exec(path);
    if (match !== null) return { route, captured: match.slice(1).map(decodeOnce) };
  }
  return null;
}

/** The wire in which errors on a path are worded. */
export function wireOfPath(path: string): Wire {
  return WIRES.find(wire => wire.owns.test(path))!;
}

function decodeOnce(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
