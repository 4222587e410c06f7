import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import type { Fact, Usage } from '../../lib/pipeline/index.ts';
import { loadCatalogue } from '../../lib/providers/index.ts';
import { exchange } from '../client/index.ts';
import { type Case, CODINGS, differences, loadCases, pieces, rowName } from '../dialects/corpus-case.ts';
import { startWeir, type WeirProcess } from '../process/index.ts';
import { chunk, head, last, raw, type Script, Upstream } from '../upstream/index.ts';

/**
 * Every recorded answer through the real binary, three ways: in one piece with
 * its length, in random pieces, and compressed in random pieces. The client must
 * get the very bytes, and the fact must hold the true usage.
 */
const WAYS = ['whole', 'split', 'compressed'] as const;
type Way = (typeof WAYS)[number];

function providersConfig(cases: readonly Case[], origin: string): Record<string, unknown> {
  const { rows } = loadCatalogue();
  const names = [...new Set(cases.map(rowName))];
  return Object.fromEntries(
    names.map(name => {
      const variables = (rows.get(name)?.variables ?? []).map(variable => [variable, 'x1']);
      return [name, { origin, ...Object.fromEntries(variables) }];
    }),
  );
}

interface Answer {
  readonly bytes: Buffer;
  readonly script: Script;
}

function answerOf(one: Case, body: Buffer, way: Way, index: number): Answer {
  const type: [string, string] = ['Content-Type', one.contentType];
  if (way === 'whole') {
    const fields: [string, string][] = [type, ['Content-Length', String(body.length)]];
    return { bytes: body, script: [head(one.status, fields), raw(body)] };
  }
  const [coding, compress] = CODINGS[index % CODINGS.length]!;
  const bytes = way === 'compressed' ? compress(body) : body;
  const fields: [string, string][] = [type, ['Transfer-Encoding', 'chunked']];
  if (way === 'compressed') fields.push(['Content-Encoding', coding]);
  return {
    bytes,
    script: [head(one.status, fields), ...pieces(bytes, index).map(piece => chunk(piece)), last()],
  };
}

/** The fact in the shape in which the corpus is compared. */
function usageOf(fact: Fact): Usage {
  const stated = fact.usageSource === 'provider';
  const costNanos = fact.costSource === 'provider' ? fact.costNanos : null;
  return { ...fact, costNanos, stated, invalid: fact.usageNote === 'invalid' } as unknown as Usage;
}

interface Verdict {
  readonly bytes: boolean;
  readonly faults: readonly string[];
}

async function judge(
  weir: WeirProcess,
  up: Upstream,
  one: Case,
  way: Way,
  index: number,
  body: Buffer,
): Promise<Verdict> {
  const { bytes, script } = answerOf(one, body, way, index);
  up.reply(script);
  const id = `${way}-${index}`;
  const fields: [string, string][] = [
    ['X-Request-Id', id],
    ['Authorization', 'Bearer own-key'],
    ['Content-Type', 'application/json'],
  ];
  const parts = { method: one.method, target: `/${rowName(one)}${one.path}`, fields };
  const answer = await exchange(weir.port, one.method === 'GET' ? parts : { ...parts, body: '{}' });
  const fact = await weir.fact(({ requestId }) => requestId === id, `for ${one.id}`);
  const faults = [...differences(one, usageOf(fact))];
  if (fact.dialect !== one.dialect) faults.push(`dialect ${fact.dialect}`);
  if (fact.outcome !== 'complete') faults.push(fact.outcome);
  if (fact.usageNote === 'tapGaveUp') faults.push('the tap gave up');
  const same = answer.status === one.status && answer.ending === 'complete' && answer.body.equals(bytes);
  return { bytes: same, faults };
}

const folder = process.env.WEIR_STREAMS ? resolve(process.env.WEIR_STREAMS) : null;

if (folder === null) {
  console.log('# recorded bodies skipped: WEIR_STREAMS names no folder');
  if (process.env.WEIR_REQUIRE_STREAMS === '1')
    t.fail('WEIR_REQUIRE_STREAMS=1, but WEIR_STREAMS names no folder');
  else t.pass('recorded bodies', { skip: 'WEIR_STREAMS names no folder' });
} else {
  t.test('every recorded body through the gateway', { timeout: 600_000 }, async t => {
    const cases = loadCases(folder);
    const up = await Upstream.start();
    t.teardown(() => up.close());
    const weir = await startWeir(t, { config: { providers: providersConfig(cases, up.origin) } });
    const table = new Map<string, number[]>();
    const faults: string[] = [];
    for (const [index, one] of cases.entries()) {
      const body = readFileSync(join(folder, one.id, 'body'));
      const row = table.get(one.dialect) ?? [0, 0, 0, 0, 0, 0, 0];
      table.set(one.dialect, row);
      row[0]!++;
      for (const [at, way] of WAYS.entries()) {
        const verdict = await judge(weir, up, one, way, index, body);
        row[1 + 2 * at]! += Number(verdict.bytes);
        row[2 + 2 * at]! += Number(verdict.faults.length === 0);
        if (!verdict.bytes) faults.push(`${one.id} ${way}: other bytes`);
        faults.push(...verdict.faults.map(fault => `${one.id} ${way}: ${fault}`));
      }
    }
    t.comment(
      'dialect              cases   whole: bytes usage   split: bytes usage   compressed: bytes usage',
    );
    for (const [dialect, [count, ...right]] of [...table].sort()) {
      const cells = right.map(number => `${number}/${count}`.padStart(10)).join('');
      t.comment(`${dialect.padEnd(20)} ${String(count).padStart(5)} ${cells}`);
    }
    t.strictSame(faults, []);
    t.ok(cases.length > 200, `${cases.length} cases`);
  });
}
