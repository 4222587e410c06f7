import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayPlan, RunningGateway } from './gateways/index.ts';
import type { LoadOrder, Measurement } from './load/orders.ts';
import type { LoadBench } from './load-bench.ts';
import { type Probed, probe } from './probe.ts';
import type { Processes } from './processes.ts';
import { wireRequest } from './request.ts';
import { asPercent, isDisturbed, type Results } from './results.ts';
import type { Scenario } from './scenarios.ts';

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
  const started = await Promise.all(bench.plans.map(plan => startContender(bench, scenario, plan)));
  const contenders = started.filter(contender => contender !== null);
  const { warmMs, measureMs } = timing;
  if (timing.firstWarmMs > 0) {
    const warming = { warmMs: 0, measureMs: timing.firstWarmMs };
    for (const contender of contenders) {
      await bench.load.measure(orderFor(bench, scenario, contender, warming));
    }
  }
  for (let round = 1; round <= timing.rounds; round++) {
    const inTurn = round % 2 === 1 ? contenders : contenders.toReversed();
    for (const contender of inTurn) {
      const order = orderFor(bench, scenario, contender, { warmMs, measureMs });
      const measurement = await bench.load.measure(order);
      const { name: gateway } = contender;
      bench.results.rows.push({ scenario: scenario.name, gateway, round, measurement });
      console.log(progressLine(scenario, `round ${round}/${timing.rounds}`, gateway, measurement));
    }
  }
  await Promise.all(contenders.map(({ gateway }) => gateway.stop()));
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

function orderFor(
  bench: Bench,
  scenario: Scenario,
  { gateway, expectedBody }: Contender,
  window: { warmMs: number; measureMs: number },
): LoadOrder {
  const { port, path, headers, pids } = gateway;
  const { shape, connections, requestsPerSecond } = scenario;
  const request = wireRequest(scenario.kind, port, path, headers);
  return {
    shape,
    port,
    request,
    expectedBody,
    connections,
    requestsPerSecond,
    ...window,
    pids,
    cores: bench.cores,
  };
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
