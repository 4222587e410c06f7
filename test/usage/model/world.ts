import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Fact } from '../../../lib/pipeline/index.ts';
import { type Ledger, openLedger } from '../../../lib/store/index.ts';
import { RawClient, type ResponseBody, requestBytes } from '../../client/index.ts';
import { within } from '../../deadline/index.ts';
import { readJournal, startWeir, type WeirProcess } from '../../process/index.ts';
import { must } from '../../store/must.ts';
import * as up from '../../upstream/index.ts';
import { type Answer, startProvider, userOf } from './provider.ts';

const KEY = 'team-key-of-the-model';
const PRELOAD = join(import.meta.dirname, 'jumping-clock.ts');
const TARGET = '/openai/v1/chat/completions';
const PAGE = 10_000;

/** One request and what its client knows of it. */
export interface Asked {
  readonly id: string;
  readonly answer: Answer;
  /** `whole`: its last byte came; `part`: its head did; `nothing`: not even that. */
  saw: 'whole' | 'part' | 'nothing';
}

/** A request whose answer the provider holds. */
interface Held {
  readonly asked: Asked;
  readonly client: RawClient;
  readonly body: ResponseBody;
  readonly gate: up.Gate;
}

/** A gateway process, its provider, its clients, its store, and what an onlooker knows of them. */
export class World {
  readonly folder: string;
  readonly asked: Asked[] = [];
  readonly ledger: Ledger;
  held: Held[] = [];
  readonly #t: Test;
  readonly #cache: string;
  readonly #provider: up.Upstream;
  readonly #gates: Map<string, up.Gate>;
  #weir: WeirProcess | null = null;
  #aheadMs = 0;

  private constructor(t: Test, cache: string, provider: up.Upstream, gates: Map<string, up.Gate>) {
    this.#t = t;
    this.#cache = cache;
    this.#provider = provider;
    this.#gates = gates;
    this.folder = mkdtempSync(join(tmpdir(), 'weir-model-'));
    this.ledger = openLedger(`sqlite:${join(this.folder, 'data/weir.db')}`);
  }

  /** @param cache folder in which gateways leave what they compiled. */
  static async create(t: Test, cache: string): Promise<World> {
    const gates = new Map<string, up.Gate>();
    const provider = await startProvider(user => {
      const gate = up.gate();
      gates.set(user, gate);
      return gate;
    });
    const world = new World(t, cache, provider, gates);
    await world.start();
    return world;
  }

  get isUp(): boolean {
    return this.#weir !== null;
  }

  get journal(): ReturnType<typeof readJournal> {
    return readJournal(join(this.folder, 'data/journal'));
  }

  async start(): Promise<void> {
    const { origin } = this.#provider;
    this.#weir = await startWeir(this.#t, {
      config: {
        providers: { openai: { origin, keys: ['env:POOL_KEY'] } },
        auth: { staticKeys: [{ id: 'team', key: 'env:TEAM_KEY' }] },
        // No end is released before its fact is written, however slow this machine is.
        usage: { holdMs: 60_000, fsync: 'none' },
        drain: { lameDuckMs: 0, drainMs: 20 },
      },
      cwd: this.folder,
      env: {
        POOL_KEY: 'sk-pool',
        TEAM_KEY: KEY,
        NODE_OPTIONS: `--import=${PRELOAD} --disable-warning=ExperimentalWarning`,
        WEIR_TEST_CLOCK_MS: String(this.#aheadMs),
        // It is started often: what was compiled once is read.
        NODE_COMPILE_CACHE: this.#cache,
      },
    });
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const weir = this.#weir!;
    this.#weir = null;
    const exit = await weir.stop(signal);
    if (signal === 'SIGTERM' && exit.code !== 0) throw new Error(`exit ${exit.code}\n${weir.output}`);
    for (const each of this.held) await this.#readOut(each);
    this.held = [];
  }

  /** The wall clock of the gateway jumps. */
  async jump(direction: 'ahead' | 'back'): Promise<void> {
    const weir = this.#weir!;
    const before = weir.stderr.length;
    weir.signal(direction === 'ahead' ? 'SIGUSR2' : 'SIGURG');
    const said = await weir.changes.until(
      () => /the clock is (-?\d+) ms ahead/.exec(weir.stderr.slice(before)),
      'the clock to jump',
    );
    this.#aheadMs = Number(said[1]);
  }

  /**
   * Asks and reads all of the answer, or so many bytes of its body before it leaves.
   *
   * @param leaveAfter null: does not leave; -1: leaves before the answer begins.
   */
  async ask(answer: Answer, leaveAfter: number | null = null): Promise<void> {
    const { asked, client } = await this.#send(answer);
    try {
      if (leaveAfter === -1) return;
      const head = await client.readHead();
      if (head === null) return;
      asked.saw = 'part';
      const body = client.body(head);
      await (leaveAfter === null ? body.all() : body.atLeast(leaveAfter));
      if (body.ending === 'complete') asked.saw = 'whole';
    } finally {
      client.reset();
    }
  }

  async #send(answer: Answer): Promise<{ readonly asked: Asked; readonly client: RawClient }> {
    const { port } = this.#weir!;
    const asked: Asked = { id: `r${this.asked.length}`, answer, saw: 'nothing' };
    this.asked.push(asked);
    const client = await RawClient.connect(port);
    const body = JSON.stringify({
      model: answer.events % 2 === 0 ? 'small' : 'large',
      user: userOf(answer),
      stream: answer.behaviour !== 'json',
      messages: [],
    });
    const fields = [
      ['Authorization', `Bearer ${KEY}`],
      ['Content-Type', 'application/json'],
      ['X-Request-Id', asked.id],
    ] as const;
    await client.send(requestBytes({ target: TARGET, fields, body }));
    return { asked, client };
  }

  /** Asks for an answer that the provider begins and does not end. */
  async hold(answer: Answer): Promise<void> {
    // What a held answer says is how its gate is found.
    const own = { ...answer, inputTokens: 1_000_000 + this.asked.length };
    const { asked, client } = await this.#send(own);
    const body = client.body(await client.expectHead());
    asked.saw = 'part';
    const gate = await this.#provider.changes
      .until(() => this.#gates.get(userOf(own)), 'the provider to hold an answer')
      .finally(() => this.#gates.delete(userOf(own)));
    await gate.reached;
    this.held.push({ asked, client, body, gate });
  }

  /** The provider goes on with one that it held, or its client leaves. */
  async release(at: number, how: 'end' | 'leave'): Promise<void> {
    const [held] = this.held.splice(at % this.held.length, 1);
    if (how === 'leave') held!.client.reset();
    held!.gate.open();
    await this.#readOut(held!);
  }

  async #readOut({ asked, client, body, gate }: Held): Promise<void> {
    await body.all().catch(() => {});
    if (body.ending === 'complete') asked.saw = 'whole';
    gate.open();
    client.destroy();
  }

  async storedFacts(): Promise<readonly Fact[]> {
    const { facts, next } = await must(this.ledger.facts({ limit: PAGE }));
    if (next !== null) throw new Error('more than a page of facts');
    return facts.map(text => JSON.parse(text) as Fact);
  }

  /**
   * Waits until the store has all that the journal has, and every exchange that
   * is over has its fact there. Gives the facts of both, the journal's read first.
   */
  async settled(): Promise<{ readonly written: readonly Fact[]; readonly stored: readonly Fact[] }> {
    const live = new Set(this.held.map(({ asked }) => asked.id));
    const over = this.asked.filter(({ id, saw }) => saw === 'whole' && !live.has(id));
    const look = async () => {
      const { facts, others } = this.journal;
      const stored = await this.storedFacts();
      const has = new Set(stored.map(({ requestId }) => requestId));
      const opened = others.map(({ json }) => json as unknown as Fact);
      const due = [...over, ...[...facts, ...opened].map(({ requestId: id }) => ({ id }))];
      const isSettled = due.every(({ id }) => live.has(id ?? '') || has.has(id));
      return isSettled ? { written: facts, stored } : null;
    };
    const poll = async () => {
      for (;;) {
        const found = await look();
        if (found !== null) return found;
        await delay(20);
      }
    };
    return within(poll(), 'the store to have every fact');
  }

  /** From the next start on the whole journal is shipped again. */
  async forgetCursors(): Promise<void> {
    const places = [...(await must(this.ledger.cursors('journal'))).keys()];
    await must(this.ledger.forget('journal', places));
  }

  async close(): Promise<void> {
    await this.#weir?.stop('SIGKILL');
    await this.ledger.close();
    for (const { client, gate } of this.held) {
      client.destroy();
      gate.open();
    }
    await this.#provider.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
