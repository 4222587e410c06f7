/** What facts that survive cost: Weir without a journal beside Weir with one. See ../README.md. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { weirPlan } from '../peers/gateways/weir.ts';
import type { Measurement } from '../peers/load/orders.ts';
import { LoadBench } from '../peers/load-bench.ts';
import { describeMachine } from '../peers/machine.ts';
import { Processes } from '../peers/processes.ts';
import { asPercent, isDisturbed, median, type Results, rowsOf } from '../peers/results.ts';
import { type Bench, runScenario } from '../peers/rounds.ts';
import { SCENARIOS, type Scenario } from '../peers/scenarios.ts';

const OFF = 'off';
/** The config's section `usage` by name, the one without first. */
const VARIANTS: Readonly<Record<string, string>> = {
  [OFF]: '',
  journal: 'usage: { journal: ./journal, store: none }\n',
  store: 'usage: { journal: ./journal, store: "sqlite:./weir.db" }\n',
  batch: 'usage: { journal: ./journal, store: none, fsync: batch }\n',
};

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2' },
    scenario: { type: 'string', default: 'json,bursts' },
    only: { type: 'string', default: Object.keys(VARIANTS).join() },
    cores: { type: 'string', default: '0,1' },
  },
});

function plans() {
  const wanted = [OFF, ...options.only.split(',').filter(name => name !== OFF)];
  return wanted.map(name => weirPlan(name, name, VARIANTS[name]!));
}

/** Many short rounds rather than few long ones: the variants of one round meet the same machine. */
function scenarios(): Scenario[] {
  const full = {
    rounds: Number(options.rounds),
    firstWarmMs: 4000,
    warmMs: 300,
    measureMs: Number(options.seconds) * 1000,
  };
  return SCENARIOS.filter(({ name }) => options.scenario.split(',').includes(name)).map(scenario => ({
    ...scenario,
    full,
  }));
}

function spread(ratios: number[]): string {
  if (ratios.length === 0) return '-';
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  return `${median(ratios).toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
}

interface Pair {
  readonly of: Measurement;
  readonly off: Measurement;
}

const perSecond = ({ count, elapsedMs }: Measurement): number => (count / elapsedMs) * 1000;
const cpuPerAnswer = ({ count, cpuMs }: Measurement): number => cpuMs / count;

function ratios(pairs: Pair[], figure: (measured: Measurement) => number): string {
  return spread(pairs.map(({ of, off }) => figure(of) / figure(off)));
}

/** Each variant against the one without, round by round: all rounds, and those in which nobody else was busy. */
function report(results: Results): void {
  for (const scenario of results.scenarios) {
    const base = rowsOf(results, scenario, OFF).map(({ measurement }) => measurement);
    console.log(`\n${scenario}: ÷ ${OFF} of the same round, median (lowest–highest)`);
    console.log(`${''.padEnd(22)}${'rounds'.padEnd(8)}${'answers/s'.padEnd(24)}CPU per answer`);
    for (const { name } of results.gateways.slice(1)) {
      const pairs = rowsOf(results, scenario, name).map(({ measurement }, i) => ({
        of: measurement,
        off: base[i]!,
      }));
      const quiet = pairs.filter(
        ({ of, off }) => !isDisturbed(of.othersBusy) && !isDisturbed(off.othersBusy),
      );
      for (const [what, chosen] of [
        [name, pairs],
        [`${name}, undisturbed`, quiet],
      ] as const)
        console.log(
          `${what.padEnd(22)}${String(chosen.length).padEnd(8)}${ratios(chosen, perSecond).padEnd(24)}${ratios(chosen, cpuPerAnswer)}`,
        );
    }
  }
  const others = results.rows.map(({ measurement }) => measurement.othersBusy);
  const disturbed = others.filter(share => isDisturbed(share)).length;
  const worst = Math.max(...others.map(share => share ?? 0));
  console.log(
    `\nOther programs used at most ${asPercent(worst)} of the cores and disturbed ${disturbed} of ${others.length} windows.`,
  );
}

const machine = describeMachine();
const cores = machine.pinned ? options.cores.split(',').map(Number) : [];
if (machine.pinned) spawnSync('taskset', ['-cp', String(cores[1]), String(process.pid)]);
const processes = new Processes();
const folder = await mkdtemp(join(tmpdir(), 'weir-bench-usage-'));
const chosen = plans();
const results: Results = {
  date: new Date().toISOString().slice(0, 19),
  quick: false,
  machine,
  gateways: chosen.map(({ name, about }) => ({ name, about, version: '' })),
  skipped: [],
  scenarios: scenarios().map(({ name }) => name),
  rows: [],
  refused: [],
  rewriting: [],
};
try {
  const load = await LoadBench.start(processes, cores[1] ?? null, folder);
  const bench: Bench = {
    processes,
    load,
    gatewayCore: cores[0] ?? null,
    cores,
    folder,
    plans: chosen,
    results,
  };
  for (const scenario of scenarios()) await runScenario(bench, scenario);
} finally {
  await processes.stopAll();
  await rm(folder, { recursive: true, force: true });
}
report(results);
if (results.refused.length > 0 || results.rows.some(({ measurement }) => measurement.errors > 0))
  process.exitCode = 1;
