import { createParser } from 'eventsource-parser';

export interface ReadEvent {
  readonly event: string | undefined;
  readonly data: string;
}

/** POSTs `body` as JSON and returns the answer as text, with the size of what was sent. */
export async function post(
  origin: string,
  path: string,
  body: unknown,
): Promise<{ status: number; type: string; text: string; sentBytes: number }> {
  const sent = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(origin + path, { method: 'POST', body: sent });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
    sentBytes: Buffer.byteLength(sent),
  };
}

/** The events of a finished server-sent event stream. */
export function eventsOf(text: string): readonly ReadEvent[] {
  const events: ReadEvent[] = [];
  const parser = createParser({ onEvent: ({ event, data }) => events.push({ event, data }) });
  parser.feed(text);
  return events;
}

/** Reads a path of keys and indexes out of parsed JSON; undefined where it is absent. */
export function at(value: unknown, ...keys: readonly (string | number)[]): unknown {
  let current = value;
  for (const key of keys) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string | number, unknown>)[key];
  }
  return current;
}
