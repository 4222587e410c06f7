/** @fastify/reply-from on fastify: bodies pass unparsed, the pool is wide enough for every stream. */
import type { AddressInfo } from 'node:net';
import replyFrom from '@fastify/reply-from';
import fastify from 'fastify';

const app = fastify({ logger: false });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
app.register(replyFrom, {
  base: process.env.UPSTREAM ?? '',
  undici: { connections: 1024, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 },
});
app.all('/*', (request, reply) => {
  reply.from(request.url);
});
await app.listen({ host: '127.0.0.1', port: 0, backlog: 2048 });
process.send?.({ port: (app.server.address() as AddressInfo).port });
process.on('disconnect', () => process.exit(0));
