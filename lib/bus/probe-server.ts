import { connect } from 'node:net';

/** What every NATS server says first, before TLS too. */
const GREETING = 'INFO ';

/**
 * Rejects unless a NATS server answers there in time.
 *
 * The client library does not end the socket of an attempt that runs out of
 * time, nor of one that is given up. So a server that accepts and stays silent
 * is found out here, on a socket that is always ended.
 */
export function probeServer(host: string, port: number, limitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let greeting = '';
    const end = (error: Error | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      socket.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    const stop = (): void => end(new Error('stopped'));
    const timer = setTimeout(() => end(new Error('no answer')), limitMs);
    signal.addEventListener('abort', stop, { once: true });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      greeting = (greeting + text).slice(0, GREETING.length);
      if (greeting === GREETING) end(null);
      else if (!GREETING.startsWith(greeting)) end(new Error('what answers there is no NATS server'));
    });
    socket.on('error', error => end(error));
    socket.on('close', () => end(new Error('the connection was closed at once')));
  });
}
