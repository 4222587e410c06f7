import type { LoadOrder, Measurement } from './orders.ts';
import { RequestConnection } from './request-connection.ts';
import { Window } from './window.ts';

/** Each connection sends its next request when the last answer has ended: how much the gateway can do. */
export async function closedLoop(order: LoadOrder, readBuffer: Buffer): Promise<Measurement> {
  const window = new Window(order);
  let running = true;
  const again = (connection: RequestConnection, problem: string | null): void => {
    const now = performance.now();
    if (problem === null) window.record(now - connection.sentAt);
    else window.fail(problem);
    if (!running) return;
    connection.sentAt = now;
    // A connection refused at once would otherwise spin within one turn.
    if (problem === null) connection.send();
    else setImmediate(() => running && connection.send());
  };
  const connections = Array.from(
    { length: order.connections },
    () => new RequestConnection(order, readBuffer, again),
  );
  for (const connection of connections) {
    connection.sentAt = performance.now();
    connection.send();
  }
  await window.pass(order.warmMs, order.measureMs);
  running = false;
  for (const connection of connections) connection.close();
  return window.measurement();
}
