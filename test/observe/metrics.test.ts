import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { register } from 'prom-client';
import t, { type Test } from 'tap';
import { Metrics } from '../../lib/observe/index.ts';
import { type Fact, type Metric, OPERATIONS } from '../../lib/pipeline/index.ts';
import { read, root, tableRows } from '../house/tree.ts';

/** What identifies somebody, or something somebody wrote: none of it may be a label. */
const CANARIES = {
  requestId: 'request-CANARY',
  upstreamRequestId: 'upstream-CANARY',
  subject: 'subject-CANARY',
  keyId: 'key-CANARY',
  tags: { team: 'tag-CANARY' },
  path: '/openai/path-CANARY',
  modelRequested: 'model-CANARY',
  modelServed: 'served-CANARY',
  finishReason: 'finish-CANARY',
  poolKey: 'pool-CANARY',
};

function fact(members: Partial<Fact> = {}): Fact {
  return {
    v: 1,
    id: 'i:b:1',
    time: '2026-01-01T00:00:00.000Z',
    kind: 'request',
    auth: 'static',
    provider: 'openai',
    dialect: 'openai-chat',
    operation: 'chat',
    method: 'POST',
    status: 200,
    outcome: 'complete',
    errorCode: null,
    stream: true,
    inputTokens: null,
    outputTokens: null,
    cachedInputTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
    audioTokens: null,
    measures: {},
    usageSource: 'none',
    usageNote: null,
    costNanos: null,
    costSource: null,
    priceVersion: null,
    reservedTokens: null,
    reservedNanos: null,
    chargedTokens: null,
    chargedNanos: null,
    route: { name: null, target: null, reason: null, arm: null, role: null },
    attempts: 1,
    queueMs: 1,
    ttfbMs: 200,
    durationMs: 1500,
    requestBytes: 10,
    responseBytes: 20,
    refusals: null,
    ...CANARIES,
    ...members,
  };
}

const REFUSED: Partial<Fact> = {
  outcome: 'refused',
  status: 401,
  errorCode: 'invalid_key',
  attempts: 0,
  queueMs: null,
  ttfbMs: null,
};

const LINE =
  /^(weir_[a-z0-9_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+)\})? (\+Inf|-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/;

/** Sample lines by their text before the value. A line that is not the format fails. */
function samplesOf(t: Test, text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ') || line.startsWith('# TYPE ')) continue;
    const match = LINE.exec(line);
    t.ok(match !== null, `a line of the format: ${line}`);
    const series = line.slice(0, line.lastIndexOf(' '));
    t.notOk(samples.has(series), `${series} once`);
    samples.set(series, Number(match![3]));
  }
  return samples;
}

async function open(t: Test, facts: readonly Fact[] = []) {
  const bugs: unknown[] = [];
  const metrics = await Metrics.open(error => bugs.push(error));
  t.teardown(() => metrics.close());
  for (const one of facts) t.equal(metrics.take(one), false, 'a sink that holds nothing');
  const read = async () => samplesOf(t, (await metrics.read()).text);
  return { metrics, bugs, read };
}

t.test('each fact counts once, by provider, operation and outcome', async t => {
  const { metrics, read } = await open(t, [
    fact(),
    fact(),
    fact({ provider: 'anthropic', operation: 'count_tokens' }),
    fact({ outcome: 'clientAborted' }),
    fact({ ...REFUSED, provider: null, operation: null }),
    fact({ operation: 'not-an-operation' }),
    fact({ kind: 'tool' }),
  ]);
  t.equal((await metrics.read()).contentType, 'text/plain; version=0.0.4; charset=utf-8');
  const samples = await read();
  const requests = [...samples].filter(([series]) => series.startsWith('weir_requests_total'));
  t.strictSame(Object.fromEntries(requests), {
    'weir_requests_total{provider="openai",operation="chat",outcome="complete"}': 2,
    'weir_requests_total{provider="openai",operation="chat",outcome="clientAborted"}': 1,
    'weir_requests_total{provider="openai",operation="none",outcome="complete"}': 1,
    'weir_requests_total{provider="anthropic",operation="count_tokens",outcome="complete"}': 1,
    'weir_requests_total{provider="none",operation="none",outcome="refused"}': 1,
  });
});

t.test('a fact that sums up refusals counts for all of them', async t => {
  const { read } = await open(t, [
    fact(REFUSED),
    fact({ ...REFUSED, refusals: 41 }),
    fact({ ...REFUSED, errorCode: 'overloaded' }),
  ]);
  const samples = await read();
  t.equal(samples.get('weir_refusals_total{code="invalid_key"}'), 42);
  t.equal(samples.get('weir_refusals_total{code="overloaded"}'), 1);
  t.equal(samples.get('weir_requests_total{provider="openai",operation="chat",outcome="refused"}'), 43);
  const times = [...samples.keys()].filter(series => /seconds_(?:count|bucket)\{.*provider=/.test(series));
  t.strictSame(times, [], 'what was not sent to a provider says nothing of its times');
});

t.test('answers of providers by class, and no answer of ours among them', async t => {
  const { read } = await open(t, [
    fact(),
    fact({ status: 204 }),
    fact({ status: 429 }),
    fact({ status: 999 }),
    fact({ status: 200, outcome: 'upstreamTruncated', errorCode: 'upstream_reset' }),
    fact({ status: 502, outcome: 'upstreamFailed', errorCode: 'upstream_reset' }),
    fact({ status: 504, outcome: 'upstreamFailed', errorCode: 'upstream_timeout', ttfbMs: null }),
    fact({ status: null, outcome: 'clientAborted' }),
    fact(REFUSED),
  ]);
  const samples = await read();
  const classes = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'].map(status =>
    samples.get(`weir_upstream_responses_total{provider="openai",status="${status}"}`),
  );
  t.strictSame(classes, [undefined, 3, undefined, 1, undefined, 1]);
});

t.test('tokens by kind; unknown is not zero', async t => {
  const { read } = await open(t, [
    fact({
      inputTokens: 100,
      outputTokens: 7,
      cachedInputTokens: 60,
      cacheWriteTokens: 5,
      reasoningTokens: 3,
      audioTokens: 2,
    }),
    fact({ inputTokens: 11, outputTokens: null, cachedInputTokens: 0 }),
    fact({ provider: 'anthropic', inputTokens: null, outputTokens: 9 }),
  ]);
  const samples = await read();
  const tokens = [...samples].filter(([series]) => series.startsWith('weir_tokens_total'));
  t.strictSame(Object.fromEntries(tokens), {
    'weir_tokens_total{provider="openai",kind="input"}': 111,
    'weir_tokens_total{provider="openai",kind="output"}': 7,
    'weir_tokens_total{provider="openai",kind="cached_input"}': 60,
    'weir_tokens_total{provider="openai",kind="cache_write"}': 5,
    'weir_tokens_total{provider="openai",kind="reasoning"}': 3,
    'weir_tokens_total{provider="openai",kind="audio"}': 2,
    'weir_tokens_total{provider="anthropic",kind="output"}': 9,
  });
});

t.test('histograms count what is not greater than each bound', async t => {
  const names = {
    weir_time_to_first_byte_seconds: 'ttfbMs',
    weir_request_duration_seconds: 'durationMs',
    weir_queue_seconds: 'queueMs',
  } as const;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 30 }),
      async values => {
        const metrics = await Metrics.open(error => t.fail(String(error)));
        for (const ms of values) metrics.take(fact({ ttfbMs: ms, durationMs: ms, queueMs: ms }));
        const { text } = await metrics.read();
        metrics.close();
        for (const name of Object.keys(names)) {
          const buckets = [
            ...text.matchAll(
              new RegExp(`^${name}_bucket\\{(?:provider="openai",)?le="([^"]+)"\\} (\\d+)$`, 'gm'),
            ),
          ];
          if (buckets.length < 10 || buckets.at(-1)![1] !== '+Inf')
            throw new Error(`${name}: ${buckets.length} buckets`);
          for (const [, bound, count] of buckets) {
            const limit = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
            const expected = values.filter(ms => ms / 1000 <= limit).length;
            if (Number(count) !== expected) throw new Error(`${name} le ${bound}: ${count}, not ${expected}`);
          }
          const one = (suffix: string) =>
            Number(new RegExp(`^${name}_${suffix}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)![1]);
          if (one('count') !== values.length) throw new Error(`${name}_count`);
          const sum = values.reduce((total, ms) => total + ms / 1000, 0);
          if (Math.abs(one('sum') - sum) > 1e-6 * sum) throw new Error(`${name}_sum`);
        }
      },
    ),
    { numRuns: 50, examples: [[[0]], [[50, 100, 3_600_000]], [[3_600_001]]] },
  );
  t.pass('for any values');
});

t.test('admin calls are counted apart', async t => {
  const { read } = await open(t, [
    fact({ kind: 'admin', provider: null }),
    fact({ kind: 'admin', provider: null }),
  ]);
  const samples = await read();
  t.equal(samples.get('weir_admin_requests_total'), 2);
  t.strictSame(
    [...samples.keys()].filter(series => series.startsWith('weir_requests_total')),
    [],
  );
});

t.test('no label says who, what model or what path', async t => {
  const outcomes = [
    'complete',
    'clientAborted',
    'upstreamFailed',
    'upstreamTruncated',
    'refused',
    'drainCut',
    'lost',
  ] as const;
  const facts = OPERATIONS.flatMap(operation =>
    outcomes.map(outcome => fact({ operation, outcome, inputTokens: 1 })),
  );
  const { metrics } = await open(t, [...facts, fact(REFUSED), fact({ kind: 'admin' })]);
  t.notMatch((await metrics.read()).text, /CANARY/);
});

t.test('metrics of others are asked for at each reading', async t => {
  const { metrics, bugs, read } = await open(t);
  let age = 3;
  let listed: readonly Metric[] = [
    {
      name: 'weir_deny_age_seconds',
      type: 'gauge',
      help: 'Age.',
      labels: [],
      read: () => [{ labels: {}, value: age }],
    },
    {
      name: 'weir_deny_syncs_total',
      type: 'counter',
      help: 'Syncs.',
      labels: ['source'],
      read: () => [
        { labels: { source: 'file' }, value: 2 },
        { labels: { source: 'a"b\\c' }, value: 0 },
      ],
    },
  ];
  metrics.add(() => listed);
  const samples = await read();
  t.equal(samples.get('weir_deny_age_seconds'), 3);
  t.equal(samples.get('weir_deny_syncs_total{source="file"}'), 2);
  t.equal(samples.get('weir_deny_syncs_total{source="a\\"b\\\\c"}'), 0);
  age = -0.5;
  t.equal((await read()).get('weir_deny_age_seconds'), -0.5);
  const { text } = await metrics.read();
  t.match(text, /^# TYPE weir_deny_age_seconds gauge$/m);
  t.match(text, /^# TYPE weir_deny_syncs_total counter$/m);
  listed = [];
  t.equal((await read()).get('weir_deny_age_seconds'), undefined);
  t.strictSame(bugs, []);
});

t.test('one that fails is reported and left out', async t => {
  const { metrics, bugs, read } = await open(t, [fact()]);
  const broken = new Error('broken');
  const named = (name: string, labels: readonly string[], read: Metric['read']): Metric => ({
    name,
    type: 'gauge',
    help: 'x',
    labels,
    read,
  });
  metrics.add(() => [
    named('weir_broken', [], () => {
      throw broken;
    }),
    named('weir_requests_total', [], () => []),
    named('weir_mislabelled', [], () => [{ labels: { surprise: '1' }, value: 1 }]),
    named('weir_fine', [], () => [{ labels: {}, value: 1 }]),
  ]);
  const samples = await read();
  t.equal(bugs.length, 3);
  t.equal(bugs[0], broken);
  t.equal(samples.get('weir_fine'), 1);
  t.equal(samples.get('weir_requests_total{provider="openai",operation="chat",outcome="complete"}'), 1);
});

t.test('the process is measured', async t => {
  const { read } = await open(t);
  // The event loop has turned once: before that its times are 0.
  await setImmediate();
  const first = await read();
  const positive = [
    'weir_process_cpu_seconds_total',
    'weir_process_resident_memory_bytes',
    'weir_nodejs_memory_bytes{kind="heap_used"}',
    'weir_nodejs_memory_bytes{kind="array_buffers"}',
    'weir_nodejs_eventloop_busy_seconds_total',
  ];
  for (const series of positive) t.ok(first.get(series)! > 0, series);
  if (process.platform === 'linux') t.ok(first.get('weir_process_open_fds')! > 2);
  const started = first.get('weir_process_start_time_seconds')!;
  t.ok(Math.abs(started - (Date.now() / 1000 - process.uptime())) < 5);
  for (const quantile of ['0.5', '0.99', '1'])
    t.ok(first.get(`weir_nodejs_eventloop_delay_seconds{quantile="${quantile}"}`)! < 60);
});

t.test('every name says its unit', async t => {
  const { metrics } = await open(t, [fact({ inputTokens: 1 }), fact(REFUSED)]);
  const { text } = await metrics.read();
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    t.match(name, /^weir_/);
    if (type === 'counter') t.match(name, /_total$/);
    else t.match(name, /_(?:seconds|bytes|fds)$/);
    if (type === 'histogram') t.match(name, /_seconds$/);
  }
});

t.test('the page on operations explains every one', async t => {
  const { metrics } = await open(t, [fact()]);
  const explained = new Set(
    tableRows(read('docs/ops.md'), 'metric').flatMap(([names]) =>
      [...names!.matchAll(/`([^`]+)`/g)].map(match => match[1]!),
    ),
  );
  const { text } = await metrics.read();
  const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(match => match[1]!);
  t.ok(names.length > 10);
  t.strictSame(
    names.filter(name => !explained.has(name)),
    [],
  );
});

/** Runs a module of its own, so that nothing of this test is in it. */
function run(source: string): string {
  return execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', source], {
    cwd: root,
    encoding: 'utf8',
  });
}

t.test('prom-client is loaded for who measures, and its own registry stays empty', async t => {
  const { read } = await open(t);
  await read();
  t.strictSame(register.getMetricsAsArray(), []);
  const loaded = `Object.keys(createRequire(import.meta.url).cache).some(file => file.includes('prom-client'))`;
  const out = run(`
    import { createRequire } from 'node:module';
    const { Metrics } = await import('./lib/observe/index.ts');
    const before = ${loaded};
    (await Metrics.open(() => {})).close();
    console.log(before, ${loaded});
  `);
  t.equal(out.trim(), 'false true');
  t.ok(createRequire(join(root, 'package.json')).resolve('prom-client'));
});

t.test('nothing runs on after close', t => {
  const out = run(`
    import { setTimeout as delay } from 'node:timers/promises';
    const { Metrics } = await import('./lib/observe/index.ts');
    const wakeUps = () => process.resourceUsage().voluntaryContextSwitches;
    const during = async () => { const before = wakeUps(); await delay(600); return wakeUps() - before; };
    const metrics = await Metrics.open(() => {});
    await metrics.read();
    const open = await during();
    metrics.close();
    const closed = await during();
    const left = process.getActiveResourcesInfo().filter(kind => kind !== 'PipeWrap');
    console.log(JSON.stringify({ open, closed, left }));
  `);
  const { open, closed, left } = JSON.parse(out);
  t.ok(open >= 15, `the event loop is looked at while open: ${open} wake-ups`);
  t.ok(closed < open / 2, `and not after: ${closed} wake-ups`);
  t.strictSame(left, []);
  t.end();
});
