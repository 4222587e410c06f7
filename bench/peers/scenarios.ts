import type { LoadShape } from './load/orders.ts';
import type { AnswerKind } from './mock/bodies.ts';

export interface Timing {
  rounds: number;
  /** Load before the first round that nothing is read from: programs that compile as they run need it. */
  firstWarmMs: number;
  /** Load before each window. */
  warmMs: number;
  measureMs: number;
}

export interface Scenario {
  /** One word, for `--scenario` and the results file. */
  name: string;
  title: string;
  /** What happens, for the tables. */
  about: string;
  kind: AnswerKind;
  shape: LoadShape;
  connections: number;
  /** Offered load of a paced scenario, 0 for the others. */
  requestsPerSecond: number;
  /** What is counted, in the singular. */
  unit: string;
  full: Timing;
  quick: Timing;
}

export const SCENARIOS: Scenario[] = [
  {
    name: 'json',
    title: 'JSON answers',
    about: '32 keep-alive connections, each asking again as soon as it is answered; 1 KiB up, 1 KiB down.',
    kind: 'json',
    shape: 'closed',
    connections: 32,
    requestsPerSecond: 0,
    unit: 'answer',
    full: { rounds: 3, firstWarmMs: 3500, warmMs: 500, measureMs: 3000 },
    quick: { rounds: 1, firstWarmMs: 700, warmMs: 200, measureMs: 800 },
  },
  {
    name: 'paced',
    title: 'JSON answers at a steady rate',
    about: '400 requests a second to every gateway alike, whatever the answers do (open loop).',
    kind: 'json',
    shape: 'paced',
    connections: 32,
    requestsPerSecond: 400,
    unit: 'answer',
    full: { rounds: 2, firstWarmMs: 1500, warmMs: 300, measureMs: 2700 },
    quick: { rounds: 1, firstWarmMs: 0, warmMs: 300, measureMs: 800 },
  },
  {
    name: 'bursts',
    title: 'Bursts',
    about: '32 keep-alive connections; each answer is a stream of 50 events, sent at once.',
    kind: 'burst',
    shape: 'closed',
    connections: 32,
    requestsPerSecond: 0,
    unit: 'stream',
    full: { rounds: 3, firstWarmMs: 3500, warmMs: 500, measureMs: 3000 },
    quick: { rounds: 1, firstWarmMs: 700, warmMs: 200, measureMs: 800 },
  },
  {
    name: 'streams',
    title: 'Slow streams',
    about: '500 streams open at once, 50 events a second each, evenly spread.',
    kind: 'slow',
    shape: 'streams',
    connections: 500,
    requestsPerSecond: 0,
    unit: 'event',
    full: { rounds: 2, firstWarmMs: 0, warmMs: 1500, measureMs: 5000 },
    quick: { rounds: 1, firstWarmMs: 0, warmMs: 500, measureMs: 1200 },
  },
];
