import { Agent, request } from 'node:http';

/**
 * Sends keys that look right and are not, each another one, as fast as they
 * are refused, until it is killed: `node flooder.ts <port> <addresses> <key>`.
 * The signature of a good key is replaced, so that only checking it tells.
 */
const [port = '', addresses = '1', key = ''] = process.argv.slice(2);
const CONNECTIONS = 64;
const token = key.split('.');
const agent = new Agent({ keepAlive: true });
let count = 0;

function forged(): string {
  const payload = Buffer.from(token[2]!, 'base64url');
  payload.writeUInt32LE(count++, payload.length - 64);
  return [...token.slice(0, 2), payload.toString('base64url'), token[3]].join('.');
}

function send(connection: number): void {
  const n = (count + connection) % Number(addresses);
  const req = request(
    {
      agent,
      host: '127.0.0.1',
      port,
      localAddress: `127.0.${1 + Math.floor(n / 250)}.${1 + (n % 250)}`,
      path: '/openai/v1/models',
      headers: { authorization: `Bearer ${forged()}` },
    },
    res => {
      res.resume();
      res.on('close', () => send(connection));
    },
  );
  req.on('error', () => setImmediate(send, connection));
  req.end();
}

for (let i = 0; i < CONNECTIONS; i++) send(i);
setInterval(() => process.send?.(count), 200);
