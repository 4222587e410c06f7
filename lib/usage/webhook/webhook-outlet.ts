import { createHash } from 'node:crypto';
import type { Clock, Secret } from '../../base/index.ts';
import type { FactText, Obstacle } from '../journal-follower.ts';
import type { FactOutlet } from '../sinks/fact-outlet.ts';
import { postWebhook } from './sign-webhook.ts';

export interface WebhookSettings {
  /** Tells it from the others, in files and metrics. */
  readonly name: string;
  readonly url: string;
  readonly secret: Secret;
  /** Facts in one message, at most. */
  readonly batch: number;
  readonly timeoutMs: number;
}

/** Posts facts to a webhook, some of them in one message. */
export class WebhookOutlet implements FactOutlet {
  readonly name: string;
  readonly place: string;
  readonly batchFacts: number;
  readonly #settings: WebhookSettings;
  readonly #clock: Clock;

  constructor(settings: WebhookSettings, clock: Clock) {
    this.name = `webhook-${settings.name}`;
    // The rest of an address may be a secret.
    this.place = `the webhook ${settings.name} (${new URL(settings.url).host})`;
    this.batchFacts = settings.batch;
    this.#settings = settings;
    this.#clock = clock;
  }

  async deliver(facts: readonly FactText[], signal: AbortSignal): Promise<Obstacle | null> {
    const { url, secret, timeoutMs } = this.#settings;
    const body = `{"type":"usage.facts","data":[${facts.map(({ text }) => text).join(',')}]}`;
    const posted = await postWebhook({
      url,
      secret,
      timeoutMs,
      body,
      signal,
      // The same facts have the same id in whatever process.
      id: `facts_${createHash('sha256').update(body).digest('hex').slice(0, 32)}`,
      nowMs: this.#clock.wallMs(),
      contentType: 'application/json',
    });
    if (posted.result === 'delivered') return null;
    const { problem } = posted;
    if (posted.result === 'gone') return { problem, afterMs: null, isFinal: true };
    return { problem, afterMs: posted.result === 'retry' ? posted.afterMs : null };
  }

  async close(): Promise<void> {}
}
