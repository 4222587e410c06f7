import { parseArgs } from 'node:util';

export interface Options {
  quick: boolean;
  writeDocs: boolean;
  /** Names of gateways and of scenarios; empty means all. */
  only: string[];
  scenarios: string[];
  gatewayCore: number;
  loadCore: number;
}

export const USAGE = `npm --prefix bench run peers -- [options]
  --quick             one short round: under a minute
  --only a,b          only these gateways (direct is always there); weir means weir and weir-journal
  --scenario a,b      only these scenarios
  --write-docs        put the tables of ratios into docs/benchmarks.md
  --cores 0,1         core of the gateway, core of mock and client`;

/** Throws a TypeError that says what is wrong with the arguments. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      scenario: { type: 'string', default: '' },
      cores: { type: 'string', default: '0,1' },
    },
  });
  const cores = /^(\d+),(\d+)$/.exec(values.cores);
  if (cores === null) throw new TypeError('--cores wants two numbers, as in 0,1');
  return {
    quick: values.quick,
    writeDocs: values['write-docs'],
    only: names(values.only),
    scenarios: names(values.scenario),
    gatewayCore: Number(cores[1]),
    loadCore: Number(cores[2]),
  };
}

/** Those of `all` that were asked for. Throws a TypeError for a name that none has. */
export function chosen<T extends { name: string }>(all: T[], wanted: string[]): T[] {
  if (wanted.length === 0) return all;
  const fits = (item: T, name: string) => item.name === name || item.name.startsWith(`${name}-`);
  for (const name of wanted) {
    if (!all.some(item => fits(item, name))) throw new TypeError(`no such name: ${name}`);
  }
  return all.filter(item => wanted.some(name => fits(item, name)));
}

function names(list: string): string[] {
  return list.split(',').filter(name => name !== '');
}
