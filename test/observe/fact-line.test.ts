import t from 'tap';
import { factLine } from '../../lib/observe/index.ts';
import type { Fact } from '../../lib/pipeline/index.ts';

/** The members that a line is made of. */
const FACT = {
  status: 200,
  method: 'POST',
  path: '/demo/v1/chat/completions',
  modelRequested: 'm-1',
  modelServed: null,
  usageSource: 'provider',
  inputTokens: 3,
  outputTokens: null,
  costNanos: null,
  durationMs: 12,
  outcome: 'complete',
  errorCode: null,
  refusals: null,
} as unknown as Fact;

/** C0, DEL and C1: what begins a line, moves a cursor or starts a terminal's command. */
const CONTROLS = [...Array(0x20).keys(), 0x7f, ...Array.from({ length: 0x20 }, (_, i) => 0x80 + i)];

function isControl(character: string): boolean {
  return CONTROLS.includes(character.codePointAt(0)!);
}

t.test('a line says what was asked, how it ended and what it used', async t => {
  t.equal(factLine(FACT), '200  POST  /demo/v1/chat/completions  m-1  3→? tokens  12ms');
  const refused = { ...FACT, status: 401, modelRequested: null, usageSource: 'none', durationMs: 12_345 };
  t.equal(
    factLine({ ...refused, outcome: 'refused', errorCode: 'invalid_key', refusals: 7 } as Fact),
    '401  POST  /demo/v1/chat/completions  12.3s  refused  invalid_key  ×7',
  );
});

t.test('a call of the ops listener is told from a request', async t => {
  const call = { ...FACT, kind: 'admin', path: '/deny\n', status: null, durationMs: null };
  t.equal(factLine(call as unknown as Fact), 'admin  POST  /deny?');
});

t.test('a cost is shown to its last digit, an unknown one not at all', async t => {
  const shown = (costNanos: number) =>
    factLine({ ...FACT, costNanos } as Fact)
      .split('  ')
      .at(-2);
  t.equal(shown(71_590), '$0.00007159');
  t.equal(shown(2_500_000_000), '$2.50');
  t.equal(shown(1), '$0.000000001');
  t.equal(shown(0), '$0.00');
  t.equal(shown(12_345_678_900), '$12.3456789');
});

t.test('a model name cannot forge a line or speak to a terminal', async t => {
  const model = 'x\r\n12:00:00 INFO forged\u001b[2J\u001b]0;title\u0007\u009b1A';
  for (const member of ['modelRequested', 'modelServed', 'path', 'method'] as const) {
    const line = factLine({ ...FACT, [member]: model });
    t.same([...line].filter(isControl), [], member);
    t.match(line, /x\?\?12:00:00 INFO forged/, 'the rest of it is shown');
  }
});

t.test('none of the control characters is shown, and all others are', async t => {
  for (const code of CONTROLS) {
    const line = factLine({ ...FACT, modelRequested: `a${String.fromCodePoint(code)}z` });
    t.match(line, / {2}a\?z {2}/, `U+${code.toString(16).padStart(4, '0')}`);
  }
  for (const model of ['a z', '~', '\u00a0', 'modèle-é', '模型', '🙂']) {
    t.ok(factLine({ ...FACT, modelRequested: model }).includes(`  ${model}  `), model);
  }
});
