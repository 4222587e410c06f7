import t from 'tap';
import type { Exchange } from '../../../lib/pipeline/index.ts';
import { keyOf } from '../sample.ts';
import { type Ask, BudgetLab, type Ended } from './sample.ts';

const SETTINGS = {
  reserveOutputTokens: 500,
  rules: [{ of: 'key' as const, usd: 1000, tokens: 1_000_000_000, per: 'lifetime' as const }],
};

async function charged(
  ended: Ended,
  ask: Ask = {},
  settings: object = {},
): Promise<NonNullable<Exchange['charge']>> {
  const lab = new BudgetLab({ ...SETTINGS, ...settings });
  const { exchange, refusal } = await lab.ask({ body: { max_tokens: 100 }, principal: keyOf('k'), ...ask });
  if (refusal !== undefined) throw new Error(refusal.code);
  lab.end(exchange, ended);
  await lab.budgets.close();
  return exchange.charge!;
}

/** Bytes of {"max_tokens":100}. */
const INPUT = 18;
const NANOS = { input: 2000, output: 8000 };
const cost = (input: number, output: number): number => input * NANOS.input + output * NANOS.output;

t.test('what becomes of a reservation', async t => {
  const cases: readonly (readonly [string, Ended, number, number])[] = [
    ['stated', { input: 7, output: 9 }, 16, cost(7, 9)],
    ['more than reserved', { input: 7, output: 900 }, 907, cost(7, 900)],
    ['one side stated', { input: 7 }, 107, cost(18, 100)],
    ['nothing stated', {}, INPUT + 100, cost(18, 100)],
    ['a cost that the provider states', { input: 1, output: 1, costNanos: 77 }, 2, 77],
    ['an error without usage', { status: 500 }, 0, 0],
    ['never sent', { attempts: 0, outcome: 'clientAborted', status: null }, 0, 0],
    ['no connection', { outcome: 'upstreamFailed', status: 502, errorCode: 'upstream_unreachable' }, 0, 0],
    ['no answer in time', { outcome: 'upstreamFailed', status: 504, errorCode: 'upstream_timeout' }, 0, 0],
    ['left before a byte', { outcome: 'clientAborted', status: null }, 0, 0],
    ['left after some', { outcome: 'clientAborted', responseBytes: 41 }, INPUT + 11, cost(INPUT, 11)],
    ['left after much', { outcome: 'clientAborted', responseBytes: 9000 }, INPUT + 100, cost(INPUT, 100)],
    [
      'left, the input stated',
      { outcome: 'clientAborted', responseBytes: 40, input: 5, output: 1 },
      15,
      cost(5, 10),
    ],
    [
      'cut, more stated than delivered',
      { outcome: 'upstreamTruncated', responseBytes: 40, input: 5, output: 50 },
      55,
      cost(5, 50),
    ],
    [
      'left once the answer was over: what it states is final',
      { outcome: 'clientAborted', responseBytes: 4000, input: 5, output: 10, answerEnded: true },
      15,
      cost(5, 10),
    ],
    [
      'whole, but its reader gave up on the way: what it stated until then is not all',
      { input: 7, output: 1, tapGaveUp: true },
      107,
      cost(INPUT, 100),
    ],
    ['an error that states usage', { status: 500, input: 7, output: 0 }, 7, cost(7, 0)],
    ['an error that states none was used', { status: 400, input: 0, output: 0 }, 0, 0],
    ['sent elsewhere', { status: 307 }, 0, 0],
    [
      'more than a fact can state',
      { input: 2 ** 40, output: 2 ** 40, tapGaveUp: true },
      2 ** 41,
      Number.MAX_SAFE_INTEGER,
    ],
    ['denied in the middle', { outcome: 'refused', responseBytes: 400 }, INPUT + 100, cost(INPUT, 100)],
    ['drained', { outcome: 'drainCut', responseBytes: 400 }, INPUT + 100, cost(INPUT, 100)],
  ];
  for (const [name, ended, tokens, nanos] of cases) {
    const { chargedTokens, chargedNanos, reservedTokens } = await charged(ended);
    t.equal(reservedTokens, INPUT + 100, name);
    t.equal(chargedTokens, tokens, `${name}: tokens`);
    if (name === 'one side stated')
      t.equal(chargedNanos, cost(INPUT, 100), 'the whole is kept where the cost is not known');
    else t.equal(chargedNanos, nanos, `${name}: USD`);
  }
});

t.test('what is reserved', async t => {
  const reserved = async (ask: Ask, settings: object = {}) =>
    (await charged({}, ask, settings)).reservedTokens;
  t.equal(await reserved({ body: { n: 3, max_tokens: 5 } }), 24 - 2 + 15);
  t.equal(await reserved({ body: {} }), 2 + 500, 'as configured where nothing is said');
  t.equal(await reserved({ body: 'plain text', headers: { 'content-type': 'text/plain' } }), 10 + 500);
  t.equal(await reserved({ body: { input: 'x' }, operation: 'embedding' }), 13, 'no output');
  const unsure = '{"max_tokens":5,"max_tokens":null}';
  t.equal(await reserved({ body: unsure }), unsure.length + 500, 'as configured where it may mean nothing');
  const disguised: Ask = { body: '{"max_tokens":900}', headers: { 'content-type': 'image/png' } };
  t.equal(await reserved(disguised), 18 + 900, 'JSON by another name');
  t.equal(await reserved({ body: '\ufeff{"max_tokens":900}' }), 18 + 900, 'behind a byte order mark');
  t.equal(await reserved({ body: { file: 'x' }, operation: 'files' }), 0);
  t.equal(await reserved({ method: 'GET', body: null, operation: 'models', model: null }), 0);
  const image = { image_url: { url: 'https://pictures.example/1' } };
  t.equal(await reserved({ body: image }, { reserveImageTokens: 1000 }), JSON.stringify(image).length + 1500);
  const form = [
    '--b',
    'Content-Disposition: form-data; name="model"',
    '',
    'priced',
    '--b',
    'Content-Disposition: form-data; name="file"; filename="a.wav"',
    'Content-Type: audio/wav',
    '',
    'x'.repeat(5000),
    '--b--',
    '',
  ].join('\r\n');
  const ask: Ask = {
    body: form,
    model: null,
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    operation: 'transcription',
  };
  t.equal(await reserved(ask, { reserveFileTokens: 70 }), form.length - 5000 + 70 + 500);
  const gzipped: Ask = { body: '????????', headers: { 'content-encoding': 'gzip' } };
  t.equal(await reserved(gzipped), 8 + 500, 'what cannot be read is settled after');
});

t.test('a request that names two models has no price', async t => {
  const lab = new BudgetLab(SETTINGS);
  const { refusal } = await lab.ask({ body: '{"model":"priced","model":"dear"}' });
  t.equal(refusal?.code, 'unpriced_model');
});

t.test('a call of unknown kind has no price, whatever model it names', async t => {
  for (const operation of ['other', 'realtime', 'batches'] as const) {
    const lab = new BudgetLab(SETTINGS);
    const { refusal } = await lab.ask({ body: '{"model":"priced"}', operation });
    t.equal(refusal?.code, 'unpriced_model', operation);
    t.equal((await lab.ask({ method: 'GET', operation })).refusal, undefined, 'reading is free');
  }
});

t.test('absurd amounts are bounded, and refused by any cap', async t => {
  const lab = new BudgetLab(SETTINGS);
  const { refusal } = await lab.ask({ body: '{"max_tokens":1e300,"n":1e300}' });
  t.equal(refusal?.code, 'insufficient_quota');
  t.match(refusal!.message!, /whole budget/);
});
