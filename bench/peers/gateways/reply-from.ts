import type { GatewayPlan } from './gateway.ts';
import { benchPackageVersion } from './installed-version.ts';
import { programPath, startNodeGateway } from './node-gateway.ts';

export const replyFrom: GatewayPlan = {
  name: 'reply-from',
  about: '@fastify/reply-from on fastify, its undici pool, bodies streamed unparsed, no request log',
  version: () => benchPackageVersion('@fastify/reply-from'),
  start: house => startNodeGateway(house, [programPath('./serve-reply-from.ts')]),
};
