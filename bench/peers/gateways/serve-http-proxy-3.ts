/** http-proxy-3 as its README sets it up, with a keep-alive agent so that upstream connections are reused. */
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createProxyServer } from 'http-proxy-3';

const proxy = createProxyServer({
  target: process.env.UPSTREAM ?? '',
  agent: new Agent({ keepAlive: true, maxFreeSockets: 1024 }),
});
const server = createServer((req, res) => proxy.web(req, res));
proxy.on('error', (_error, _req, res) => res?.destroy());
server.listen({ host: '127.0.0.1', port: 0, backlog: 2048 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit(0));
