import { CHAT_PATH, type GatewayPlan } from './gateway.ts';

/** No gateway: the client asks the mock itself. What is left is the cost of the bench. */
export const direct: GatewayPlan = {
  name: 'direct',
  about: 'no gateway, the client asks the mock itself',
  version: async () => '',
  start: async house => ({
    port: house.upstreamPort,
    pids: [],
    path: CHAT_PATH,
    headers: '',
    stop: async () => {},
  }),
};
