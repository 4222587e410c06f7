import type { Test } from 'tap';
import { mintKey, newIssuer } from '../../lib/keys/token/mint.ts';
import type { Fact } from '../../lib/pipeline/index.ts';
import { within } from '../deadline/index.ts';
import { Lab, POOL_KEY } from '../journeys/lab.ts';
import { startWeir } from '../process/index.ts';
import { type RecordedRequest, Upstream } from '../upstream/index.ts';

export { POOL_KEY };

const EVERYTHING = [
  'chat',
  'completion',
  'embedding',
  'rerank',
  'count_tokens',
  'models',
  'files',
  'other',
] as const;

const issuer = newIssuer();
/** The signed key of the client `team`, as any tool is given it. */
export const CLIENT_KEY = mintKey(issuer.secretKey, {
  subject: 'team',
  id: 'team-key',
  expires: new Date(Date.now() + 3_600_000),
  operations: EVERYTHING,
});

/** A user's own provider key: neither a static key nor the pool's. */
export const OWN_KEY = 'sk-own-4c19e0b7d2f65a83';
/** A static key, of a client that may only list models. */
export const NARROW_KEY = 'narrow-0d93be61f7a25c48';

export interface SdkLabOptions {
  /** Shipped rows whose origin is the scripted provider, with a pool key each. */
  readonly providers: readonly string[];
  /** Further settings of those rows, such as the region of an account. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Whether other keys than the static ones pass through. Default true. */
  readonly byo?: boolean;
}

/** The real binary as stock clients meet it: the demo, and shipped rows whose origin is a scripted provider. */
export class SdkLab {
  readonly lab: Lab;
  #factsTaken = 0;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  get up(): Lab['up'] {
    return this.lab.up;
  }

  /** The base URL of a provider, as a user would set it. */
  base(provider: string, path = ''): string {
    return `${this.lab.weir.origin}/${provider}${path}`;
  }

  /** The next fact that no earlier call gave out, in the order of settling. */
  async nextFact(): Promise<Fact> {
    const facts = await this.lab.weir.factCount(this.#factsTaken + 1);
    return facts[this.#factsTaken++]!;
  }

  /** Checks the next fact and gives it. Counts and names a test expects are exact. */
  async expectFact(t: Test, expected: Partial<Fact>): Promise<Fact> {
    const fact = await this.nextFact();
    t.match(fact, { outcome: 'complete', status: 200, errorCode: null, ...expected }, 'the fact');
    return fact;
  }

  /** Facts that nobody asked for: a client that retried, or called something else besides. */
  get factsLeft(): number {
    return this.lab.weir.facts.length - this.#factsTaken;
  }

  /** The next request at the provider: with the pool's key alone, in `field`, and nothing of the client's. */
  async expectManaged(t: Test, field: string, value: string = POOL_KEY): Promise<RecordedRequest> {
    const request = await this.up.next();
    const body = await request.wholeBody();
    t.equal(request.value(field), value, `the pool key is in ${field}`);
    const keys = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'].filter(
      name => request.values(name).length > 0,
    );
    t.strictSame(keys, [field], 'and in no other field');
    t.notOk(
      JSON.stringify([request.target, request.fields]).includes(CLIENT_KEY),
      'the client key stays here',
    );
    t.notOk(body.includes(CLIENT_KEY), 'and is not in the body');
    return request;
  }

  /** The next request at the provider, with the client's own key in `field` as it was sent. */
  async expectOwn(t: Test, field: string, value: string = OWN_KEY): Promise<RecordedRequest> {
    const request = await this.up.next();
    await request.wholeBody();
    t.equal(request.value(field), value, `the client's own key is in ${field}`);
    t.notOk(JSON.stringify(request.fields).includes(POOL_KEY), 'the pool key is not');
    return request;
  }
}

function labConfig(options: SdkLabOptions, origin: string): Record<string, unknown> {
  const shipped = { origin, keys: [{ id: 'pool-1', key: 'env:TEST_POOL_KEY' }], ...options.settings };
  return {
    providers: {
      lab: { origin, dialect: 'openai', auth: 'none' },
      demo: {},
      ...Object.fromEntries(options.providers.map(name => [name, shipped])),
    },
    auth: {
      byo: options.byo ?? true,
      issuers: [{ publicKey: issuer.publicKey }],
      staticKeys: [
        {
          id: 'narrow-key',
          key: 'env:TEST_NARROW_KEY',
          subject: 'narrow',
          grant: { operations: ['models'] },
        },
      ],
    },
  };
}

export async function startSdkLab(t: Test, options: SdkLabOptions): Promise<SdkLab> {
  const up = await Upstream.start();
  t.teardown(() => up.close());
  const weir = await startWeir(t, {
    config: labConfig(options, up.origin),
    env: { TEST_POOL_KEY: POOL_KEY, TEST_NARROW_KEY: NARROW_KEY },
  });
  return new SdkLab(new Lab(up, weir));
}

/** A stream as its reader saw it. */
export interface Streamed {
  readonly text: string;
  /** Pieces of text that were not empty. */
  readonly pieces: number;
}

/**
 * Reads a stream to its end. `onFirst` is called with the first piece of text:
 * where it opens the gate behind which the provider holds the rest, a stream
 * that is not passed on as it comes never ends.
 */
export async function readStream<T>(
  stream: AsyncIterable<T>,
  textOf: (event: T) => string | null | undefined,
  onFirst: () => void = () => {},
): Promise<Streamed> {
  let text = '';
  let pieces = 0;
  const read = async (): Promise<void> => {
    for await (const event of stream) {
      const piece = textOf(event) ?? '';
      if (piece === '') continue;
      text += piece;
      if (++pieces === 1) onFirst();
    }
  };
  await within(read(), 'the whole stream');
  return { text, pieces };
}

/** Runs with environment variables set, as a user's shell would have them. */
export async function withEnvironment<T>(
  variables: Readonly<Record<string, string>>,
  run: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(variables).map(name => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await run();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
