import type { Measurement } from './load/orders.ts';
import type { Machine } from './machine.ts';

export interface Row {
  scenario: string;
  gateway: string;
  round: number;
  measurement: Measurement;
}

/** A gateway that could not do a scenario at all, and why. */
export interface Refused {
  scenario: string;
  gateway: string;
  reason: string;
}

export interface Subject {
  name: string;
  about: string;
  version: string;
}

/** Everything of one run, in absolute figures: what the results file holds. */
export interface Results {
  date: string;
  quick: boolean;
  machine: Machine;
  gateways: Subject[];
  skipped: string[];
  scenarios: string[];
  rows: Row[];
  refused: Refused[];
  /** Gateways whose answers arrive with other bytes than the mock sent. */
  rewriting: string[];
}

/** The rows of one gateway in one scenario, by round. */
export function rowsOf(results: Results, scenario: string, gateway: string): Row[] {
  return results.rows.filter(row => row.scenario === scenario && row.gateway === gateway);
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Above this share of the cores, other programs have spoilt a window. */
const DISTURBED_SHARE = 0.05;

/** True if programs that have no part in the bench ran on its cores meanwhile. */
export function isDisturbed(othersBusy: number | null): othersBusy is number {
  return othersBusy !== null && othersBusy > DISTURBED_SHARE;
}

export function asPercent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
