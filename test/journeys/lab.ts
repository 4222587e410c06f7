import type { Test } from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { type Exchanged, exchange, RawClient, type RequestParts } from '../client/index.ts';
import { startWeir, type WeirOptions, type WeirProcess } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import { respond, Upstream } from '../upstream/index.ts';

/** A key that must be seen nowhere but in upstream bytes. */
export const POOL_KEY = 'sk-CANARY-7f3a9c51e0d84b26';
/** The static key of the client `team`. */
export const CLIENT_KEY = 'team-5b1d77aa90c34e';

export const AS_TEAM: Fields = [['Authorization', `Bearer ${CLIENT_KEY}`]];

/** Fields of the connection between gateway and client, and those Weir adds; all others are the provider's. */
const OWN_RESPONSE_FIELD = /^(?:connection|keep-alive|transfer-encoding|x-weir-.*)$/i;

/** The fields of a relayed answer that are not Weir's or the connection's. */
export function relayedFields(fields: Fields): Fields {
  return fields.filter(([name]) => !OWN_RESPONSE_FIELD.test(name));
}

export interface LabOptions {
  /** Sections that replace the lab's. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly weir?: Omit<WeirOptions, 'config'>;
}

/**
 * The real binary in front of a scripted provider. `lab` needs no key, `byo`
 * takes the client's own, `openai`, `anthropic`, `google`, `ollama` and
 * `cohere` are the shipped rows with their origin at the scripted provider.
 */
export class Lab {
  readonly up: Upstream;
  readonly weir: WeirProcess;
  #tags = 0;
  /** How much of the output `check` has judged. */
  #judged = 0;

  constructor(up: Upstream, weir: WeirProcess) {
    this.up = up;
    this.weir = weir;
  }

  get port(): number {
    return this.weir.port;
  }

  /** A fresh request id and the field that sends it, so that the fact of one exchange can be told from others. */
  tag(): { readonly id: string; readonly field: readonly [string, string] } {
    const id = `lab-${++this.#tags}`;
    return { id, field: ['X-Request-Id', id] };
  }

  /** The fact of the exchange with that request id. */
  fact(id: string): Promise<Fact> {
    return this.weir.fact(({ requestId }) => requestId === id, `for request ${id}`);
  }

  /** Refusals with that code so far: past 50 a second, facts of the early ones are summed up (CONTRACT §5). */
  refusals(code: string): number {
    return this.weir.facts.reduce(
      (sum, fact) => sum + (fact.errorCode === code ? (fact.refusals ?? 1) : 0),
      0,
    );
  }

  /** Waits until there are `count` refusals with that code. */
  async refusalCount(code: string, count: number): Promise<void> {
    await this.weir.changes.until(() => this.refusals(code) >= count, `refusal ${count} with ${code}`);
  }

  /** Asks, and gives the fact with the answer. Not for early refusals in a flood: those are summed up. */
  async askForFact(parts: RequestParts): Promise<{ readonly answer: Exchanged; readonly fact: Fact }> {
    const { id, field } = this.tag();
    const answer = await this.ask({ ...parts, fields: [...(parts.fields ?? []), field] });
    return { answer, fact: await this.fact(id) };
  }

  ask(parts: RequestParts): Promise<Exchanged> {
    return exchange(this.port, parts);
  }

  /** A connection that is gone when the test ends. */
  async connect(t: Test): Promise<RawClient> {
    const client = await RawClient.connect(this.port);
    t.teardown(() => client.destroy());
    return client;
  }

  /** What must hold after anything: it lives, serves, leaked nothing, threw nothing, and settled each exchange once. `fields` are what a good request needs. */
  async check(t: Test, fields: Fields = []): Promise<void> {
    this.up.on('GET', '/v1/models/after', respond(200, [], 'well'), { once: true });
    const answer = await this.ask({ target: '/lab/v1/models/after', fields });
    t.equal(answer.status, 200, 'a good request is served afterwards');
    t.equal(this.weir.exit, null, 'it lives');
    const output = this.weir.output.slice(this.#judged);
    this.#judged += output.length;
    t.notMatch(output, /uncaught|unhandled|internal error|MaxListeners/i, 'nothing was thrown');
    t.notOk(output.includes(POOL_KEY), 'the pool key is in no output');
    t.notOk(output.includes(CLIENT_KEY), 'the client key is in no output');
    const ids = this.weir.facts.map(({ id }) => id);
    t.equal(new Set(ids).size, ids.length, 'no fact twice');
    await this.up.quiet();
  }
}

function labConfig(up: Upstream): Record<string, unknown> {
  const shipped = { origin: up.origin, keys: [{ id: 'pool-1', key: 'env:TEST_POOL_KEY' }] };
  return {
    providers: {
      lab: { origin: up.origin, dialect: 'openai', auth: 'none' },
      byo: { origin: up.origin, dialect: 'openai', auth: 'bearer' },
      openai: shipped,
      anthropic: shipped,
      google: shipped,
      cohere: shipped,
      ollama: shipped,
    },
    // Tests send more bad keys in a minute than any client should.
    limits: { badCredentialsPerAddress: 1_000_000 },
    auth: {
      byo: true,
      staticKeys: [{ id: 'team-key', key: 'env:TEST_CLIENT_KEY', subject: 'team' }],
    },
  };
}

export async function startLab(t: Test, options: LabOptions = {}): Promise<Lab> {
  const up = await Upstream.start();
  t.teardown(() => up.close());
  const weir = await startWeir(t, {
    ...options.weir,
    config: { ...labConfig(up), ...options.config },
    env: { TEST_POOL_KEY: POOL_KEY, TEST_CLIENT_KEY: CLIENT_KEY, ...options.weir?.env },
  });
  return new Lab(up, weir);
}
