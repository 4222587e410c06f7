import type { Processes } from '../processes.ts';

/** What a gateway needs to start in front of the mock. */
export interface House {
  processes: Processes;
  /** The core of the gateway; null leaves it to the kernel. */
  core: number | null;
  /** The mock upstream's port on 127.0.0.1. */
  upstreamPort: number;
  /** A folder of this gateway's own, removed at the end. */
  folder: string;
}

export interface RunningGateway {
  port: number;
  /** The processes that carry the data; empty for `direct`. */
  pids: number[];
  /** Path of the chat completions endpoint. */
  path: string;
  /** Header lines the client must add, each ended by CRLF. */
  headers: string;
  stop(): Promise<void>;
}

export interface GatewayPlan {
  /** One word, for `--only` and the tables. */
  name: string;
  /** How it is set up, in a few words, for the tables' legend. */
  about: string;
  /** Its version, or null if it is not on this machine: then it is skipped with a line. */
  version(): Promise<string | null>;
  start(house: House): Promise<RunningGateway>;
}

export const CHAT_PATH = '/v1/chat/completions';
