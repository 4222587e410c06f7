import type { LoadOrder, Measurement } from './orders.ts';
import { RequestConnection } from './request-connection.ts';
import { Window } from './window.ts';

const TICK_MS = 1;

/** Requests start at a fixed rate, whatever the answers do: what the gateway adds when it is not full. */
export async function pacedRequests(order: LoadOrder, readBuffer: Buffer): Promise<Measurement> {
  const window = new Window(order);
  const idle: RequestConnection[] = [];
  const waitingSince: number[] = [];
  const start = (connection: RequestConnection, dueAt: number): void => {
    connection.sentAt = dueAt;
    connection.send();
  };
  const answered = (connection: RequestConnection, problem: string | null): void => {
    if (problem === null) window.record(performance.now() - connection.sentAt);
    else window.fail(problem);
    const dueAt = waitingSince.shift();
    if (dueAt === undefined) idle.push(connection);
    else start(connection, dueAt);
  };
  for (let i = 0; i < order.connections; i++) idle.push(new RequestConnection(order, readBuffer, answered));
  const connections = [...idle];

  const gapMs = 1000 / order.requestsPerSecond;
  let nextAt = performance.now();
  const timer = setInterval(() => {
    // A request counts from the tick that issues it, so time spent queueing for a connection is in it.
    const now = performance.now();
    for (; nextAt <= now; nextAt += gapMs) {
      const connection = idle.shift();
      if (connection === undefined) waitingSince.push(now);
      else start(connection, now);
    }
  }, TICK_MS);
  await window.pass(order.warmMs, order.measureMs);
  clearInterval(timer);
  for (const connection of connections) connection.close();
  return window.measurement();
}
