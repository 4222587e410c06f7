/** What a scripted answer may depend on: never the words of the prompt. */
export interface Call {
  /** The request body, `{}` where there is none. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly bodyBytes: number;
  readonly query: URLSearchParams;
  /** What the route's pattern captured, each decoded once. */
  readonly captured: readonly string[];
  /** Six digits, counted from 1 for each origin: the same requests in the same order give the same bytes. */
  readonly serial: string;
}

/** An answer: one body, or events that are sent one after another. */
export type Reply =
  | { readonly kind: 'whole'; readonly status: number; readonly contentType: string; readonly body: string }
  | { readonly kind: 'stream'; readonly contentType: string; readonly events: readonly string[] };

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Matched against the end of the path, so any base path in front will do. */
  readonly path: RegExp;
  reply(call: Call): Reply;
}

/** One client dialect, named by its wire. */
export interface Wire {
  readonly routes: readonly Route[];
  /** Paths whose errors are worded in this dialect. */
  readonly owns: RegExp;
  error(status: number, message: string): unknown;
}

/** 2026-01-01T00:00:00Z: fixed, so that answers are the same on every run. */
export const SCRIPT_TIME = { seconds: 1_767_225_600, iso: '2026-01-01T00:00:00Z' } as const;

export function json(value: unknown, status = 200): Reply {
  return {
    kind: 'whole',
    status,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify(value),
  };
}

export function eventStream(events: readonly string[]): Reply {
  return { kind: 'stream', contentType: 'text/event-stream; charset=utf-8', events };
}

/** One server-sent event. Dialects that name their events repeat the name inside the data. */
export function sseEvent(data: unknown, name?: string): string {
  const head = name === undefined ? '' : `event: ${name}\n`;
  return `${head}data: ${JSON.stringify(data)}\n\n`;
}

export const SSE_DONE = 'data: [DONE]\n\n';
