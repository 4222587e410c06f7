/** What the orchestrator and the load process say to each other. */

export type LoadShape = 'closed' | 'paced' | 'streams';

export interface LoadOrder {
  shape: LoadShape;
  port: number;
  /** The whole request, head and body, ASCII. */
  request: string;
  /** The exact body every answer must have, ASCII; a stream's events are checked by their numbers instead. */
  expectedBody: string;
  connections: number;
  warmMs: number;
  measureMs: number;
  /** Offered load of the `paced` shape; the others ignore it. */
  requestsPerSecond: number;
  /** The gateway's data processes, whose CPU and memory are read over the same window. */
  pids: number[];
  /** The cores of the run, watched for the load of others; empty if nothing is bound to a core. */
  cores: number[];
}

/** One window of one gateway. Counts are of requests, or of events for streams. */
export interface Measurement {
  count: number;
  /** Requests with an error, a wrong status or a wrong body; events lost. Any makes the row worthless. */
  errors: number;
  firstError: string | null;
  elapsedMs: number;
  /** Time from send to last byte of an answer, or from send to receipt of an event. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  cpuMs: number;
  peakRssBytes: number;
  /** Share of the cores of the run that went neither to the gateway nor to the bench; null if unknown. */
  othersBusy: number | null;
}

export type BenchMessage =
  | { type: 'ready'; port: number }
  | { type: 'measured'; measurement: Measurement }
  | { type: 'failed'; reason: string };
