import {
  type Fact,
  type FactSink,
  type Metric,
  type MetricSample,
  OPERATIONS,
  type Outcome,
} from '../pipeline/index.ts';
import { MetricsHistogram } from './metrics-histogram.ts';

/** Label of what a fact does not name: the request was refused before it was known. */
const NONE = 'none';
const OPERATION_LABELS: readonly string[] = [...OPERATIONS, NONE];
const OUTCOMES = [
  'complete',
  'clientAborted',
  'upstreamFailed',
  'upstreamTruncated',
  'refused',
  'drainCut',
  'lost',
] as const satisfies readonly Outcome[];
const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'] as const;
const TOKEN_KINDS = ['input', 'output', 'cached_input', 'cache_write', 'reasoning', 'audio'] as const;
const UNPRICED_KINDS = ['input', 'output'] as const;

/** Seconds. A model may think for minutes before its first byte, and stream for an hour. */
const FIRST_BYTE_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600] as const;
const DURATION_BOUNDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600] as const;
const QUEUE_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

const indexOf = (labels: readonly string[]): ReadonlyMap<string, number> =>
  new Map(labels.map((label, i) => [label, i]));
const OPERATION_INDEX = indexOf(OPERATION_LABELS);
const OUTCOME_INDEX = indexOf(OUTCOMES);

/** What is counted of one provider. */
class ProviderTally {
  readonly name: string;
  /** Operation by outcome. */
  readonly requests = new Float64Array(OPERATION_LABELS.length * OUTCOMES.length);
  readonly responses = new Float64Array(STATUS_CLASSES.length);
  readonly tokens = new Float64Array(TOKEN_KINDS.length);
  /** Exchanges whose usage is known and whose cost is not, and their tokens. */
  unpriced = 0;
  readonly unpricedTokens = new Float64Array(UNPRICED_KINDS.length);
  estimated = 0;
  readonly firstByte = new MetricsHistogram(FIRST_BYTE_BOUNDS);
  readonly duration = new MetricsHistogram(DURATION_BOUNDS);

  constructor(name: string) {
    this.name = name;
  }

  /** Null counts nothing: unknown is not zero. */
  addTokens(kind: number, count: number | null): void {
    if (count !== null) this.tokens[kind]! += count;
  }
}

/** A histogram and the labels it is shown under. */
export interface LabelledHistogram {
  readonly labels: Readonly<Record<string, string>>;
  readonly histogram: MetricsHistogram;
}

export interface HistogramFamily {
  readonly name: string;
  readonly help: string;
  /** Only those that counted something. */
  read(): readonly LabelledHistogram[];
}

/**
 * Counts facts. Labels have few values: providers of the config, words of this
 * project's own tables; never a key, a subject, a model or a path.
 */
export class MetricsOfFacts implements FactSink {
  readonly name = 'metrics';
  readonly #providers = new Map<string, ProviderTally>();
  readonly #errors = new Map<string, number>();
  readonly #queue = new MetricsHistogram(QUEUE_BOUNDS);
  #adminCalls = 0;

  take(fact: Fact): false {
    if (fact.kind === 'request') this.#takeRequest(fact);
    else if (fact.kind === 'admin') this.#adminCalls++;
    return false;
  }

  #takeRequest(fact: Fact): void {
    const tally = this.#tally(fact.provider ?? NONE);
    const count = fact.refusals ?? 1;
    const operation = OPERATION_INDEX.get(fact.operation ?? NONE) ?? OPERATION_LABELS.length - 1;
    tally.requests[operation * OUTCOMES.length + OUTCOME_INDEX.get(fact.outcome)!]! += count;
    const code = fact.errorCode;
    if (code !== null) this.#errors.set(code, (this.#errors.get(code) ?? 0) + count);
    // Not sent to a provider: its times would say nothing of one.
    if (fact.attempts > 0) this.#takeDispatched(fact, tally);
  }

  #takeDispatched(fact: Fact, tally: ProviderTally): void {
    if (fact.queueMs !== null) this.#queue.observe(fact.queueMs / 1000);
    if (fact.durationMs !== null) tally.duration.observe(fact.durationMs / 1000);
    if (fact.ttfbMs !== null) {
      tally.firstByte.observe(fact.ttfbMs / 1000);
      if (fact.status !== null && isProvidersStatus(fact.outcome))
        tally.responses[statusClass(fact.status)]! += 1;
    }
    if (fact.usageSource === 'estimated') tally.estimated++;
    if (fact.usageSource !== 'none' && fact.costNanos === null) {
      tally.unpriced++;
      tally.unpricedTokens[0]! += fact.inputTokens ?? 0;
      tally.unpricedTokens[1]! += fact.outputTokens ?? 0;
    }
    tally.addTokens(0, fact.inputTokens);
    tally.addTokens(1, fact.outputTokens);
    tally.addTokens(2, fact.cachedInputTokens);
    tally.addTokens(3, fact.cacheWriteTokens);
    tally.addTokens(4, fact.reasoningTokens);
    tally.addTokens(5, fact.audioTokens);
  }

  #tally(provider: string): ProviderTally {
    let tally = this.#providers.get(provider);
    if (tally === undefined) {
      tally = new ProviderTally(provider);
      this.#providers.set(provider, tally);
    }
    return tally;
  }

  readonly counters: readonly Metric[] = [
    {
      name: 'weir_requests_total',
      type: 'counter',
      help: 'Requests that ended, by how they ended.',
      labels: ['provider', 'operation', 'outcome'],
      read: () => this.#samples(requestSamples),
    },
    {
      name: 'weir_refusals_total',
      type: 'counter',
      help: 'Requests that ended with an error of the gateway, by its code.',
      labels: ['code'],
      read: () => [...this.#errors].map(([code, value]) => ({ labels: { code }, value })),
    },
    {
      name: 'weir_upstream_responses_total',
      type: 'counter',
      help: 'Answers of providers that were passed on, by class of their status.',
      labels: ['provider', 'status'],
      read: () => this.#samples(tally => labelled(tally, 'status', STATUS_CLASSES, tally.responses)),
    },
    {
      name: 'weir_tokens_total',
      type: 'counter',
      help: 'Tokens as providers stated them, or estimated with usage.estimate. Cached and cache-written ones are among input, reasoning ones among output.',
      labels: ['provider', 'kind'],
      read: () => this.#samples(tally => labelled(tally, 'kind', TOKEN_KINDS, tally.tokens)),
    },
    {
      name: 'weir_unpriced_exchanges_total',
      type: 'counter',
      help: 'Exchanges whose usage is known and whose cost is not.',
      labels: ['provider'],
      read: () => this.#samples(tally => counted(tally, tally.unpriced)),
    },
    {
      name: 'weir_unpriced_tokens_total',
      type: 'counter',
      help: 'Tokens of exchanges whose cost is not known.',
      labels: ['provider', 'kind'],
      read: () => this.#samples(tally => labelled(tally, 'kind', UNPRICED_KINDS, tally.unpricedTokens)),
    },
    {
      name: 'weir_estimated_exchanges_total',
      type: 'counter',
      help: 'Exchanges with tokens that were estimated.',
      labels: ['provider'],
      read: () => this.#samples(tally => counted(tally, tally.estimated)),
    },
    {
      name: 'weir_admin_requests_total',
      type: 'counter',
      help: 'Admin calls that were recorded because they change something.',
      labels: [],
      read: () => [{ labels: {}, value: this.#adminCalls }],
    },
  ];

  readonly histograms: readonly HistogramFamily[] = [
    {
      name: 'weir_time_to_first_byte_seconds',
      help: 'From dispatch to the first byte of the answer of the provider.',
      read: () => this.#histograms(tally => tally.firstByte),
    },
    {
      name: 'weir_request_duration_seconds',
      help: 'From admission to the end, of requests that were sent to a provider.',
      read: () => this.#histograms(tally => tally.duration),
    },
    {
      name: 'weir_queue_seconds',
      help: 'From admission to dispatch.',
      read: () => [{ labels: {}, histogram: this.#queue }],
    },
  ];

  #samples(of: (tally: ProviderTally) => readonly MetricSample[]): readonly MetricSample[] {
    return [...this.#providers.values()].flatMap(of);
  }

  #histograms(of: (tally: ProviderTally) => MetricsHistogram): readonly LabelledHistogram[] {
    return [...this.#providers.values()]
      .map(tally => ({ labels: { provider: tally.name }, histogram: of(tally) }))
      .filter(({ histogram }) => histogram.total > 0);
  }
}

/** Refused and failed exchanges were answered by the gateway itself. */
function isProvidersStatus(outcome: Outcome): boolean {
  return outcome !== 'refused' && outcome !== 'upstreamFailed';
}

/** Index into the classes: HTTP has five, and node lets a provider send others. */
function statusClass(status: number): number {
  return Math.min(Math.floor(status / 100), STATUS_CLASSES.length) - 1;
}

function requestSamples({ name, requests }: ProviderTally): readonly MetricSample[] {
  return OPERATION_LABELS.flatMap((operation, row) =>
    OUTCOMES.flatMap((outcome, column) => {
      const value = requests[row * OUTCOMES.length + column]!;
      return value === 0 ? [] : [{ labels: { provider: name, operation, outcome }, value }];
    }),
  );
}

function labelled(
  { name }: ProviderTally,
  label: string,
  words: readonly string[],
  counts: Float64Array,
): readonly MetricSample[] {
  return words.flatMap((word, i) =>
    counts[i] === 0 ? [] : [{ labels: { provider: name, [label]: word }, value: counts[i]! }],
  );
}

function counted({ name }: ProviderTally, value: number): readonly MetricSample[] {
  return value === 0 ? [] : [{ labels: { provider: name }, value }];
}
