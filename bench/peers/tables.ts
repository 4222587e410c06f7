import { asPercent, median, type Results, type Row, rowsOf } from './results.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';

const REFERENCE = 'nginx';
/** An added delay below this is not told from the bench's own noise. */
const MIN_ADDED_MS = 0.005;

type Figure = (row: Row) => number;

const rate: Figure = ({ measurement: m }) => (m.count / m.elapsedMs) * 1000;
const cpuMicros: Figure = ({ measurement: m }) => (m.cpuMs * 1000) / m.count;
const busy: Figure = ({ measurement: m }) => m.cpuMs / m.elapsedMs;
const p50: Figure = row => row.measurement.p50Ms;
const p99: Figure = row => row.measurement.p99Ms;
const rss: Figure = row => row.measurement.peakRssBytes;

/** Absolute figures, medians over the rounds: for the terminal only. */
export function rawTables(results: Results): string {
  const head = [
    '',
    'per second',
    'p50 ms',
    'p99 ms',
    'max ms',
    'CPU µs each',
    'core busy',
    'RSS MiB',
    'errors',
  ];
  return eachScenario(results, scenario => {
    const rows = measured(results, scenario).map(({ name, rows }) => {
      const of = (figure: Figure, digits: number) => median(rows.map(figure)).toFixed(digits);
      const own =
        name === 'direct' ? ['', '', ''] : [of(cpuMicros, 1), percent(rows), of(r => rss(r) / 2 ** 20, 0)];
      const max = of(row => row.measurement.maxMs, 1);
      return [name, of(rate, 0), of(p50, 2), of(p99, 2), max, ...own, String(errorsOf(rows))];
    });
    return `${scenario.title}: ${scenario.about}\n${plainTable([head, ...rows])}`;
  });
}

/** Ratios only, in Markdown. */
export function ratioTables(results: Results): string {
  return eachScenario(results, scenario => {
    const columns = scenario.shape === 'closed' ? closedColumns(scenario) : openColumns(scenario);
    const lines = measured(results, scenario).map(({ name, rows }) => {
      if (errorsOf(rows) > 0)
        return [name, `failed: ${errorsOf(rows)} errors`, ...columns.slice(1).map(() => '')];
      return [name, ...columns.map(column => column.cell(results, scenario.name, name))];
    });
    const refused = results.refused
      .filter(refusal => refusal.scenario === scenario.name)
      .map(({ gateway, reason }) => [
        gateway,
        reason.replaceAll('|', '/'),
        ...columns.slice(1).map(() => ''),
      ]);
    const table = markdownTable([['', ...columns.map(column => column.title)], ...lines, ...refused]);
    return `### ${scenario.title}\n\n${scenario.about}\n\n${table}`;
  });
}

interface Column {
  title: string;
  cell(results: Results, scenario: string, gateway: string): string;
}

function closedColumns(scenario: Scenario): Column[] {
  return [
    against(`${scenario.unit}s/s ÷ ${REFERENCE}`, rate, REFERENCE, true),
    against(`${scenario.unit}s/s ÷ direct`, rate, 'direct'),
    against(`weir’s ${scenario.unit}s/s ÷ its own`, row => 1 / rate(row), 'weir'),
    against(`CPU per ${scenario.unit} ÷ ${REFERENCE}`, cpuMicros, REFERENCE),
    against(`p50 ÷ ${REFERENCE}`, p50, REFERENCE),
    against(`p99 ÷ ${REFERENCE}`, p99, REFERENCE),
    against(`memory ÷ ${REFERENCE}`, rss, REFERENCE),
    BUSY,
  ];
}

function openColumns(scenario: Scenario): Column[] {
  return [
    against(`CPU per ${scenario.unit} ÷ ${REFERENCE}`, cpuMicros, REFERENCE, true),
    added('added p50', p50),
    added('added p99', p99),
    against(`memory ÷ ${REFERENCE}`, rss, REFERENCE),
    BUSY,
  ];
}

const BUSY: Column = {
  title: 'core busy',
  cell: (results, scenario, gateway) =>
    gateway === 'direct' ? '–' : percent(rowsOf(results, scenario, gateway)),
};

/** The median over rounds of a figure's ratio to another gateway's in the same round; optionally its spread. */
function against(title: string, figure: Figure, other: string, spread = false): Column {
  return {
    title,
    cell: (results, scenario, gateway) => {
      const ratios: number[] = [];
      for (const row of rowsOf(results, scenario, gateway)) {
        const reference = rowsOf(results, scenario, other).find(({ round }) => round === row.round);
        if (reference !== undefined) ratios.push(figure(row) / figure(reference));
      }
      const usable = ratios.filter(ratio => Number.isFinite(ratio) && ratio > 0);
      if (usable.length === 0) return '–';
      const range = `${number(Math.min(...usable))}–${number(Math.max(...usable))}`;
      return number(median(usable)) + (spread && usable.length > 1 && gateway !== other ? ` (${range})` : '');
    },
  };
}

/** What a gateway adds to the direct run of the same round, as a ratio to what the reference adds. */
function added(name: string, figure: Figure): Column {
  const addedMs = (results: Results, scenario: string, gateway: string): number => {
    const differences = rowsOf(results, scenario, gateway).map(row => {
      const base = rowsOf(results, scenario, 'direct').find(({ round }) => round === row.round);
      return base === undefined ? Number.NaN : figure(row) - figure(base);
    });
    return differences.length === 0 ? Number.NaN : median(differences);
  };
  return {
    title: `${name} ÷ ${REFERENCE}`,
    cell: (results, scenario, gateway) => {
      const own = addedMs(results, scenario, gateway);
      const reference = addedMs(results, scenario, REFERENCE);
      if (gateway === 'direct' || !(reference >= MIN_ADDED_MS)) return '–';
      return Number.isFinite(own) ? number(own / reference) : '–';
    },
  };
}

function eachScenario(results: Results, table: (scenario: Scenario) => string): string {
  const ran = SCENARIOS.filter(scenario => results.scenarios.includes(scenario.name));
  return ran.map(scenario => `${table(scenario)}\n`).join('\n');
}

function measured(results: Results, scenario: Scenario): { name: string; rows: Row[] }[] {
  return results.gateways
    .map(({ name }) => ({ name, rows: rowsOf(results, scenario.name, name) }))
    .filter(({ rows }) => rows.length > 0);
}

function errorsOf(rows: Row[]): number {
  return rows.reduce((sum, row) => sum + row.measurement.errors, 0);
}

function percent(rows: Row[]): string {
  return asPercent(median(rows.map(busy)));
}

function number(value: number): string {
  return value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(2) : value.toFixed(3);
}

function markdownTable(rows: string[][]): string {
  const [head, ...body] = rows as [string[], ...string[][]];
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...body.map(line)].join('\n');
}

function plainTable(rows: string[][]): string {
  const width = (at: number) => Math.max(...rows.map(row => row[at]?.length ?? 0));
  const pad = (cell: string, at: number) => (at === 0 ? cell.padEnd(width(0)) : cell.padStart(width(at)));
  return rows.map(row => row.map(pad).join('  ')).join('\n');
}
