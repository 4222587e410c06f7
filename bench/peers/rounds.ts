import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayPlan, RunningGateway } from './gateways/index.ts';
import type { Measurement } from './load/orders.ts';
import type { LoadBench } from './load-bench.ts';
import { type Probed, probe } from './probe.ts';
import type { Processes } from './processes.ts';
import { wireRequest } from './request.ts';
import { asPercent, isDisturbed, type Results } from './results.ts';
import type { Scenario, Timing } from './scenarios.ts';

export interface Bench {
  processes: Processes;
  load: LoadBench;
  gatewayCore: number | null;
  /** Cores of gateway and load; empty if nothing is bound. */
  cores: number[];
  folder: string;
  plans: GatewayPlan[];
  results: Results;
}

interface Contender {
  name: string;
  gateway: RunningGateway;
  expectedBody: string;
}

/**
 * Starts every gateway anew, then measures them by turns: each round visits all of them, every other round in
 * reverse, so that what the machine does over time falls on all alike.
 */
export async function runScenario(bench: Bench, scenario: Scenario): Promise<void> {
  const timing = bench.results.quick ? scenario.quick : scenario.full;
  const contenders: Contender[] = [];
  for (const plan of bench.plans) {
    const contender = await startContender(bench, scenario, plan);
    if (contender !== null) contenders.push(contender);
  }
  for (let round = 1; round <= timing.rounds; round++) {
    const order = round % 2 === 1 ? contenders : contenders.toReversed();
    for (const contender of order) await measureOnce(bench, scenario, timing, round, contender);
  }
  for (const contender of contenders) await contender.gateway.stop();
}

async function startContender(
  bench: Bench,
  scenario: Scenario,
  plan: GatewayPlan,
): Promise<Contender | null> {
  const folder = await mkdtemp(join(bench.folder, `${plan.name}-`));
  const { processes, gatewayCore: core } = bench;
  let gateway: RunningGateway | null = null;
  let probed: Probed;
  try {
    gateway = await plan.start({ processes, core, upstreamPort: bench.load.upstreamPort, folder });
    probed = await probe(gateway, scenario.kind);
  } catch (error) {
    probed = { reason: `did not start: ${(error as Error).message}` };
  }
  if (gateway !== null && 'body' in probed) {
    const { rewriting } = bench.results;
    if (probed.rewritten && !rewriting.includes(plan.name)) rewriting.push(plan.name);
    return { name: plan.name, gateway, expectedBody: probed.body };
  }
  await gateway?.stop();
  const reason = 'reason' in probed ? probed.reason : '';
  bench.results.refused.push({ scenario: scenario.name, gateway: plan.name, reason });
  console.log(`${scenario.name.padEnd(8)} ${plan.name.padEnd(13)} ${reason}`);
  return null;
}

async function measureOnce(
  bench: Bench,
  scenario: Scenario,
  timing: Timing,
  round: number,
  contender: Contender,
): Promise<void> {
  const { port, path, headers, pids } = contender.gateway;
  const measurement = await bench.load.measure({
    shape: scenario.shape,
    port,
    request: wireRequest(scenario.kind, port, path, headers),
    expectedBody: contender.expectedBody,
    connections: scenario.connections,
    requestsPerSecond: scenario.requestsPerSecond,
    warmMs: timing.warmMs,
    measureMs: timing.measureMs,
    pids,
    cores: bench.cores,
  });
  bench.results.rows.push({ scenario: scenario.name, gateway: contender.name, round, measurement });
  console.log(progressLine(scenario, `round ${round}/${timing.rounds}`, contender.name, measurement));
}

function progressLine(scenario: Scenario, round: string, gateway: string, measured: Measurement): string {
  const { count, elapsedMs, p50Ms, p99Ms, errors, firstError, othersBusy } = measured;
  const rate = Math.round((count / elapsedMs) * 1000);
  const line = `${scenario.name.padEnd(8)} ${gateway.padEnd(13)} ${round}  ${rate} ${scenario.unit}s/s, `;
  const delays = `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`;
  const noise = isDisturbed(othersBusy)
    ? `, DISTURBED: others used ${asPercent(othersBusy)} of the cores`
    : '';
  const failure = errors > 0 ? `, FAILED: ${errors} errors, first: ${firstError}` : '';
  return line + delays + noise + failure;
}
