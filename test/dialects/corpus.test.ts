import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { systemClock } from '../../lib/base/index.ts';
import { dialects } from '../../lib/dialects/index.ts';
import type { Endpoint, Provider, UsageFold, UsageTraits } from '../../lib/pipeline/index.ts';
import { compileProviders, loadCatalogue } from '../../lib/providers/index.ts';
import { BodyScanner, parseTarget } from '../../lib/wire/index.ts';
import { type Case, CODINGS, differences, loadCases, pieces, rowName } from './corpus-case.ts';

/**
 * Recorded answers of real providers with their true usage (the folder named by
 * WEIR_STREAMS): each body is read whole, in random pieces and compressed, and
 * every field must come out as stated there.
 */
interface Reading {
  readonly endpoint: Endpoint;
  readonly traits: UsageTraits;
}

const WAYS = ['whole', 'split', 'compressed'] as const;
/** The providers of the rows themselves; origins are never reached, so any will do. */
function compiledProviders(cases: readonly Case[]): ReadonlyMap<string, Provider> {
  const catalogue = loadCatalogue();
  const names = new Set(cases.map(one => rowName(one)));
  const section = Object.fromEntries(
    [...names].map(name => {
      const variables = catalogue.rows.get(name)?.variables ?? [];
      return [
        name,
        { origin: 'http://127.0.0.1:9', ...Object.fromEntries(variables.map(each => [each, 'x1'])) },
      ];
    }),
  );
  const compiled = compileProviders(catalogue, section, dialects, {
    clock: systemClock,
    postForm: async () => {
      throw new Error('no key is exchanged here');
    },
    scriptedOrigin: null,
    priceFile: null,
  });
  if (!('providers' in compiled)) throw new Error(compiled.map(problem => problem.message).join('; '));
  return compiled.providers;
}

function readingOf(one: Case, providers: ReadonlyMap<string, Provider>): Reading {
  const name = rowName(one);
  const provider = providers.get(name);
  const target = parseTarget(`/${name}${one.path}`);
  if (provider === undefined || !('segments' in target)) throw new Error(`${one.id}: no row or no path`);
  return { endpoint: provider.endpoint(one.method, target.segments), traits: provider.traits };
}

async function foldBody(
  one: Case,
  reading: Reading,
  parts: readonly Buffer[],
  coding: string | null,
): Promise<UsageFold> {
  const { pointers, start } = reading.endpoint.usage!;
  const fold = start(reading.traits);
  fold.headers(['content-type', one.contentType]);
  const scanner = new BodyScanner({
    pointers,
    sink: fold,
    contentType: one.contentType,
    contentEncoding: coding,
  });
  for (const part of parts) {
    if (!scanner.write(part)) await new Promise<void>(done => (scanner.onDrain = done));
  }
  const state = await new Promise<string>(done => scanner.end(done));
  if (state !== 'ok') throw new Error(`${one.id}: the scanner ${state}`);
  return fold;
}

async function readCase(
  one: Case,
  reading: Reading,
  index: number,
  body: Buffer,
): Promise<Record<(typeof WAYS)[number], readonly string[]>> {
  const problems: string[] = [];
  if (reading.endpoint.name !== one.dialect)
    problems.push(`dialect ${reading.endpoint.name}, not ${one.dialect}`);
  if (reading.endpoint.usage === null) {
    if (one.expected !== null) problems.push('the endpoint is not metered');
    return { whole: problems, split: problems, compressed: problems };
  }
  const [coding, compress] = CODINGS[index % CODINGS.length]!;
  const inputs: Record<(typeof WAYS)[number], readonly [readonly Buffer[], string | null]> = {
    whole: [[body], null],
    split: [pieces(body, index + 1), null],
    compressed: [pieces(compress(body), index + 1), coding],
  };
  const result: Record<string, readonly string[]> = {};
  for (const way of WAYS) {
    const fold = await foldBody(one, reading, inputs[way][0], inputs[way][1]);
    const found = [...problems, ...differences(one, fold.usage)];
    if (one.stream && one.status === 200 && reading.endpoint.mandatoryEnd && !fold.ended)
      found.push('no end seen');
    result[way] = found;
  }
  return result as Record<(typeof WAYS)[number], readonly string[]>;
}

function corpusFolder(): string | null {
  const named = process.env.WEIR_STREAMS;
  const folder = named === undefined || named === '' ? null : resolve(named);
  return folder !== null && existsSync(folder) ? folder : null;
}

const folder = corpusFolder();
if (folder === null) {
  const required = process.env.WEIR_REQUIRE_STREAMS === '1';
  console.log('# recorded bodies skipped: WEIR_STREAMS names no folder');
  if (required) t.fail('WEIR_REQUIRE_STREAMS=1, but WEIR_STREAMS names no folder');
  else t.pass('recorded bodies', { skip: 'WEIR_STREAMS names no folder' });
} else {
  t.test('usage of every recorded body, whole, split and compressed', { timeout: 600_000 }, async t => {
    const right = new Map<string, { cases: number; whole: number; split: number; compressed: number }>();
    const cases = loadCases(folder);
    const providers = compiledProviders(cases);
    for (const [index, one] of cases.entries()) {
      const row = right.get(one.dialect) ?? { cases: 0, whole: 0, split: 0, compressed: 0 };
      right.set(one.dialect, row);
      row.cases++;
      const found = await readCase(
        one,
        readingOf(one, providers),
        index,
        readFileSync(join(folder, one.id, 'body')),
      );
      for (const way of WAYS) {
        if (found[way].length === 0) row[way]++;
        t.same(found[way], [], `${one.id} ${way}`);
      }
    }
    const rows = [...right].map(([dialect, { cases, whole, split, compressed }]) =>
      [
        dialect.padEnd(20),
        String(cases).padStart(5),
        ...[whole, split, compressed].map(n => `${n}/${cases}`.padStart(11)),
      ].join(' '),
    );
    t.comment(['dialect              cases       whole       split  compressed', ...rows].join('\n'));
    t.ok(right.size > 0, 'there are cases');
  });
}
