import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import type { Exchange } from '../../lib/pipeline/index.ts';
import { tapOpener } from '../../lib/usage/index.ts';
import { parseTarget } from '../../lib/wire/index.ts';
import { type Case, loadCases, rowName } from '../dialects/corpus-case.ts';
import { catalogue, compiled } from '../providers/compiled.ts';

/**
 * How well the text of a stream tells its tokens: every recorded stream, whole
 * and cut at random bytes. What had been used by then is taken for the same part
 * of the stated output as the bytes are of the body.
 */
const CUTS_EACH = 20;
const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95] as const;

const folder = process.env.WEIR_STREAMS ? resolve(process.env.WEIR_STREAMS) : null;

/** mulberry32: the same cuts in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function providersOf(cases: readonly Case[]) {
  const section = [...new Set(cases.map(rowName))].map(name => {
    const variables = catalogue.rows.get(name)?.variables ?? [];
    return [
      name,
      { origin: 'http://127.0.0.1:9', ...Object.fromEntries(variables.map(each => [each, 'x1'])) },
    ];
  });
  return compiled(Object.fromEntries(section)).providers;
}

const openTap = tapOpener(null, true);

/** Tokens estimated of what came of a stream. */
function estimateOf(exchange: Exchange, contentType: string, part: Buffer): number {
  exchange.answerTokens = 0;
  const tap = openTap(exchange, 200, ['content-type', contentType])!;
  tap.write(part);
  tap.end(() => {});
  return Math.ceil(exchange.answerTokens);
}

function quantiles(ratios: readonly number[]): readonly string[] {
  const sorted = ratios.toSorted((a, b) => a - b);
  return QUANTILES.map(q => sorted[Math.round(q * (sorted.length - 1))]!.toFixed(2).padStart(6));
}

const median = (ratios: readonly number[]): number => Number(quantiles(ratios)[2]);

if (folder === null) {
  console.log('# recorded streams skipped: WEIR_STREAMS names no folder');
  if (process.env.WEIR_REQUIRE_STREAMS === '1')
    t.fail('WEIR_REQUIRE_STREAMS=1, but WEIR_STREAMS names no folder');
  else t.pass('recorded streams', { skip: 'WEIR_STREAMS names no folder' });
} else {
  t.test('the estimated output of recorded streams', async t => {
    const cases = loadCases(folder).filter(({ stream, expected }) => stream && expected?.outputTokens);
    const providers = providersOf(cases);
    const groups = {
      'all is shown, 50 tokens or more': { whole: [] as number[], cut: [] as number[] },
      'all is shown, fewer': { whole: [] as number[], cut: [] as number[] },
      'reasoning, shown or not': { whole: [] as number[], cut: [] as number[] },
    };
    const random = randomFrom(4);
    let unseen = 0;
    for (const one of cases) {
      const name = rowName(one);
      const provider = providers.get(name)!;
      const target = parseTarget(`/${name}${one.path}`);
      if (!('segments' in target)) throw new Error(one.id);
      const endpoint = provider.endpoint(one.method, target.segments);
      if (endpoint.operation !== 'chat' && endpoint.operation !== 'completion') continue;
      const body = readFileSync(join(folder, one.id, 'body'));
      const exchange = { endpoint, provider } as unknown as Exchange;
      const output = Number(one.expected!.outputTokens);
      const whole = estimateOf(exchange, one.contentType, body);
      if (whole === 0) {
        unseen++;
        continue;
      }
      const group = one.expected!.reasoningTokens
        ? 'reasoning, shown or not'
        : output >= 50
          ? 'all is shown, 50 tokens or more'
          : 'all is shown, fewer';
      groups[group].whole.push(whole / output);
      for (let i = 0; i < CUTS_EACH; i++) {
        const at = Math.ceil((0.1 + 0.9 * random()) * body.length);
        const part = estimateOf(exchange, one.contentType, body.subarray(0, at));
        groups[group].cut.push(part / ((output * at) / body.length));
      }
    }
    const rows = Object.entries(groups).flatMap(([name, { whole, cut }]) => [
      `${name.padEnd(32)} whole ${String(whole.length).padStart(5)} ${quantiles(whole).join(' ')}`,
      `${name.padEnd(32)} cut   ${String(cut.length).padStart(5)} ${quantiles(cut).join(' ')}`,
    ]);
    const head = `${'estimated ÷ stated'.padEnd(32)}           n ${QUANTILES.map(q => `${q * 100}%`.padStart(6)).join(' ')}`;
    t.comment([head, ...rows, `without any text: ${unseen}`].join('\n'));
    const shown = groups['all is shown, 50 tokens or more'];
    t.ok(median(shown.whole) > 0.6 && median(shown.whole) < 1.1, 'near where all is shown');
    const all = Object.values(groups).flatMap(({ whole }) => whole);
    t.ok(Number(quantiles(all)[4]) <= 1.25, 'rarely more than was used');
    t.ok(unseen < cases.length / 10, 'few streams say nothing');
  });
}
