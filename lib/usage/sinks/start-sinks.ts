import type { House, Metric } from '../../pipeline/index.ts';
import type { ReadingPart } from '../part.ts';
import { lagSeconds } from '../ship-progress.ts';
import { WebhookOutlet } from '../webhook/webhook-outlet.ts';
import type { FactOutlet } from './fact-outlet.ts';
import type { SinkSettings } from './settings.ts';
import { Sink } from './sink.ts';
import type { SinkProgress } from './sink-progress.ts';

/** Brings the facts of a journal to whatever the settings name, each for itself. */
export async function startSinks(
  { nats, webhooks }: SinkSettings,
  journal: string,
  house: House,
): Promise<ReadingPart> {
  const outlets: FactOutlet[] = webhooks.map(settings => new WebhookOutlet(settings, house.clock));
  if (nats !== undefined) {
    const { NatsOutlet } = await import('./nats-outlet.ts');
    outlets.push(await NatsOutlet.open(nats, house));
  }
  const warn: House['warn'] = warning => house.warn(warning);
  const sinks = outlets.map(outlet => new Sink({ journal, outlet, warn }));
  for (const sink of sinks) sink.start();
  return {
    readers: sinks,
    metrics: metricsOf(sinks.map(({ progress }) => progress)),
    degraded: () => sinks.flatMap(sink => sink.degraded()),
    // Running exchanges may last for long: the sinks of the new settings must not wait for them, and those that are gone send nothing more.
    retire: isSameJournal => {
      if (isSameJournal) for (const sink of sinks) void sink.leave();
    },
    close: async () => {
      await Promise.all(sinks.map(sink => sink.close()));
    },
  };
}

function metricsOf(progress: readonly SinkProgress[]): readonly Metric[] {
  const each = (
    name: string,
    type: Metric['type'],
    help: string,
    value: (progress: SinkProgress) => number,
  ): Metric => ({
    name,
    type,
    help,
    labels: ['sink'],
    read: () => progress.map(one => ({ labels: { sink: one.name }, value: value(one) })),
  });
  return [
    each('weir_sink_facts_total', 'counter', 'Facts that a sink has taken.', ({ facts }) => facts),
    each(
      'weir_sink_backlog_bytes',
      'gauge',
      'Journal that a sink has not taken yet.',
      ({ backlogBytes }) => backlogBytes,
    ),
    each(
      'weir_sink_lag_seconds',
      'gauge',
      'For how long a sink has not had all that the journal has; 0 where nothing waits.',
      ({ behindSinceMs }) => lagSeconds(behindSinceMs),
    ),
    each(
      'weir_sink_failures_total',
      'counter',
      'Times that a sink did not take facts.',
      ({ failures }) => failures,
    ),
  ];
}
