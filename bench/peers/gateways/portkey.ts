import type { GatewayPlan } from './gateway.ts';
import { benchPackageVersion } from './installed-version.ts';
import { programPath, startNodeGateway } from './node-gateway.ts';

/** The Portkey gateway's npm build, told per request where the provider is. */
export const portkey: GatewayPlan = {
  name: 'portkey',
  about: '@portkey-ai/gateway, headless, provider and custom host in request headers',
  version: () => benchPackageVersion('@portkey-ai/gateway'),
  start: house => {
    const program = programPath('../../node_modules/@portkey-ai/gateway/build/start-server.js');
    const loopback = programPath('./listen-on-loopback.ts');
    const host = `x-portkey-custom-host: http://127.0.0.1:${house.upstreamPort}/v1\r\n`;
    const headers = `x-portkey-provider: openai\r\n${host}`;
    return startNodeGateway(house, ['--import', loopback, program, '--headless'], headers);
  },
};
