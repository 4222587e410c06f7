/** Weir beside its peers on one mock upstream, in one run. See ../README.md. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDocs } from './docs.ts';
import { GATEWAYS, type GatewayPlan } from './gateways/index.ts';
import { LoadBench } from './load-bench.ts';
import { describeMachine } from './machine.ts';
import { chosen, type Options, readOptions, USAGE } from './options.ts';
import { Processes } from './processes.ts';
import type { Results } from './results.ts';
import { type Bench, runScenario } from './rounds.ts';
import { SCENARIOS } from './scenarios.ts';
import { ratioTables, rawTables } from './tables.ts';

const RESULTS_FOLDER = new URL('../results/', import.meta.url);
const DOCS_FILE = new URL('../../docs/benchmarks.md', import.meta.url);

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  let options: Options;
  let plans: GatewayPlan[];
  let scenarios: typeof SCENARIOS;
  try {
    options = readOptions(args);
    const only = options.only.length === 0 ? [] : ['direct', ...options.only];
    plans = chosen(GATEWAYS, only);
    scenarios = chosen(SCENARIOS, options.scenarios);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (process.platform !== 'linux') {
    console.error('This bench reads /proc and needs Linux.');
    return 1;
  }
  let results: Results;
  try {
    results = await measureAll(options, plans, scenarios);
  } catch (error) {
    console.error(`stopped: ${(error as Error).message}`);
    return 1;
  }
  console.log(`\n${rawTables(results)}\n${ratioTables(results)}`);
  await mkdir(RESULTS_FOLDER, { recursive: true });
  const file = new URL(`peers-${results.date.replaceAll(':', '')}.json`, RESULTS_FOLDER);
  await writeFile(file, `${JSON.stringify(results, null, 1)}\n`);
  console.log(`raw figures: bench/results/${file.pathname.split('/').at(-1)}`);
  if (options.writeDocs) {
    await writeDocs(DOCS_FILE, results);
    console.log('ratios written to docs/benchmarks.md');
  }
  return results.rows.some(row => row.measurement.errors > 0) ? 1 : 0;
}

async function measureAll(
  options: Options,
  plans: GatewayPlan[],
  scenarios: typeof SCENARIOS,
): Promise<Results> {
  const machine = describeMachine();
  if (machine.pinned) spawnSync('taskset', ['-cp', String(options.loadCore), String(process.pid)]);
  else console.log('nothing is bound to a core here (one core, or no taskset): the figures are weak');
  const gatewayCore = machine.pinned ? options.gatewayCore : null;
  const loadCore = machine.pinned ? options.loadCore : null;
  const cores = machine.pinned ? [options.gatewayCore, options.loadCore] : [];

  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
  const processes = new Processes();
  const end = async (): Promise<void> => {
    await processes.stopAll();
    await rm(folder, { recursive: true, force: true });
  };
  const interrupt = (): void => {
    end().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const results: Results = {
    date: new Date().toISOString().slice(0, 19),
    quick: options.quick,
    machine,
    gateways: [],
    skipped: [],
    scenarios: scenarios.map(scenario => scenario.name),
    rows: [],
    refused: [],
    rewriting: [],
  };
  try {
    const load = await LoadBench.start(processes, loadCore, folder);
    const present = await presentPlans(plans, results);
    const bench: Bench = { processes, load, gatewayCore, cores, folder, plans: present, results };
    for (const scenario of scenarios) await runScenario(bench, scenario);
  } finally {
    await end();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
  return results;
}

async function presentPlans(plans: GatewayPlan[], results: Results): Promise<GatewayPlan[]> {
  const present: GatewayPlan[] = [];
  for (const plan of plans) {
    const version = await plan.version();
    if (version === null) {
      console.log(`skip ${plan.name}: not on this machine`);
      results.skipped.push(plan.name);
      continue;
    }
    results.gateways.push({ name: plan.name, about: plan.about, version });
    present.push(plan);
  }
  return present;
}
