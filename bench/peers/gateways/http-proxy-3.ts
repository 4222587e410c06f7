import type { GatewayPlan } from './gateway.ts';
import { benchPackageVersion } from './installed-version.ts';
import { programPath, startNodeGateway } from './node-gateway.ts';

export const httpProxy3: GatewayPlan = {
  name: 'http-proxy-3',
  about: 'node:http with a keep-alive agent',
  version: () => benchPackageVersion('http-proxy-3'),
  start: house => startNodeGateway(house, [programPath('./serve-http-proxy-3.ts')]),
};
