import type { ServerResponse } from 'node:http';

/**
 * Sends events one by one, `eventDelayMs` apart, the first at once. Waits for a
 * slow reader and stops when the reader has gone.
 */
export function sendPaced(res: ServerResponse, events: readonly string[], eventDelayMs: number): void {
  let next = 0;
  let timer: NodeJS.Timeout | undefined;
  const sendNext = (): void => {
    const flowing = res.write(events[next++]!);
    if (next === events.length) {
      res.end();
      return;
    }
    if (flowing) timer = setTimeout(sendNext, eventDelayMs);
    else res.once('drain', sendNext);
  };
  res.once('close', () => {
    clearTimeout(timer);
    res.off('drain', sendNext);
  });
  sendNext();
}
