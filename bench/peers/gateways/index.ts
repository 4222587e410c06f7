import { direct } from './direct.ts';
import type { GatewayPlan } from './gateway.ts';
import { httpProxy3 } from './http-proxy-3.ts';
import { nginx } from './nginx.ts';
import { portkey } from './portkey.ts';
import { replyFrom } from './reply-from.ts';
import { weir, weirJournal } from './weir.ts';

/** Every gateway, in the order of the tables. */
export const GATEWAYS: GatewayPlan[] = [direct, nginx, weir, weirJournal, httpProxy3, replyFrom, portkey];

export type { GatewayPlan, RunningGateway } from './gateway.ts';
