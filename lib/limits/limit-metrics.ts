import type { Metric, MetricSample } from '../pipeline/index.ts';
import type { Counts } from './counts.ts';
import type { Dimension } from './dimension.ts';
import type { Fleet } from './fleet.ts';

function perDimension(counts: Counts, read: (dimension: Dimension) => number): MetricSample[] {
  return [...counts.dimensions.values()].map(dimension => ({
    labels: { dimension: dimension.name },
    value: read(dimension),
  }));
}

/** @param fleet null where limits are held by this instance alone. */
export function limitMetrics(counts: Counts, fleet: Fleet | null): readonly Metric[] {
  const own: Metric[] = [
    {
      name: 'weir_limit_window_count',
      type: 'gauge',
      help: 'Requests or tokens that a limit counts at the moment, over all names.',
      labels: ['dimension'],
      read: () => perDimension(counts, ({ sketch }) => sketch.total()),
    },
    {
      name: 'weir_limit_overcount_bound',
      type: 'gauge',
      help: 'By how much a name is counted too high at most, with a probability of 1 - e^-depth.',
      labels: ['dimension'],
      read: () =>
        perDimension(counts, ({ sketch }) =>
          sketch.shape.width === 1 ? 0 : (Math.E / sketch.shape.width) * sketch.total(),
        ),
    },
    {
      name: 'weir_limit_concurrency_in_use',
      type: 'gauge',
      help: 'Running requests of keys whose concurrency is limited.',
      labels: [],
      read: () => [{ labels: {}, value: counts.concurrencyInUse }],
    },
  ];
  return fleet === null ? own : [...own, ...fleetMetrics(fleet)];
}

function fleetMetrics(fleet: Fleet): readonly Metric[] {
  return [
    {
      name: 'weir_limit_fleet_peers',
      type: 'gauge',
      help: 'Other instances heard of in the last minute.',
      labels: [],
      read: () => [{ labels: {}, value: fleet.peers }],
    },
    {
      name: 'weir_limit_fleet_dropped_total',
      type: 'counter',
      help: 'Messages of other instances that were not counted, by reason.',
      labels: ['reason'],
      read: () => [...fleet.dropped].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    {
      name: 'weir_limit_fleet_age_seconds',
      type: 'gauge',
      help: 'For how long this instance has held limits on its own; 0 while it holds them with the others.',
      labels: [],
      read: () => [{ labels: {}, value: fleet.aloneSeconds }],
    },
  ];
}
