import { type AnswerKind, requestBody } from './mock/bodies.ts';

/** What the client shows every gateway; only Weir looks at it. */
export const CLIENT_KEY = 'bench-client-key-0000000000';

/** A whole request, head and body. `extraHeaders` are lines ended by CRLF. */
export function wireRequest(kind: AnswerKind, port: number, path: string, extraHeaders: string): string {
  const body = requestBody(kind);
  const accept = kind === 'json' ? 'application/json' : 'text/event-stream';
  return (
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: weir-bench\r\nAccept: ${accept}\r\n` +
    `Authorization: Bearer ${CLIENT_KEY}\r\n${extraHeaders}` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}
