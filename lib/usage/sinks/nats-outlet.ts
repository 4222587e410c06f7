import type { MessageStream, NatsStreamSettings } from '../../bus/index.ts';
import { openStream } from '../../bus/index.ts';
import type { House, Warning } from '../../pipeline/index.ts';
import type { FactText, Obstacle } from '../journal-follower.ts';
import type { FactOutlet } from './fact-outlet.ts';

const BATCH_FACTS = 1000;
/** What the sink says itself, with its consequence. */
const SAID_BY_SINK = new Set(['bus_unreachable', 'bus_refused', 'bus_recovered']);

/** Appends facts to a JetStream stream, each a message whose id is the fact's. */
export class NatsOutlet implements FactOutlet {
  readonly name = 'nats';
  readonly place: string;
  readonly batchFacts = BATCH_FACTS;
  readonly #stream: MessageStream;

  private constructor(place: string, stream: MessageStream) {
    this.place = place;
    this.#stream = stream;
  }

  static async open(settings: NatsStreamSettings, house: House): Promise<NatsOutlet> {
    const warn = (warning: Warning): void => {
      if (!SAID_BY_SINK.has(warning.code)) house.warn(warning);
    };
    const { clock, instance } = house;
    const stream = await openStream(settings, { name: `weir ${instance} facts`, clock, warn });
    return new NatsOutlet(`the stream ${settings.stream}`, stream);
  }

  async deliver(facts: readonly FactText[], signal: AbortSignal): Promise<Obstacle | null> {
    const messages = facts.map(({ id, text }) => ({ id, payload: text }));
    try {
      await this.#stream.append(messages, signal);
      return null;
    } catch (error) {
      return { problem: (error as Error).message, afterMs: null };
    }
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}
