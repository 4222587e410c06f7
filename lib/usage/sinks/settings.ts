import { type NatsStreamSettings, natsFaults, natsStreamSchema } from '../../bus/index.ts';
import type { SettingsFault } from '../../config/index.ts';
import { webhookSecretProblem } from '../webhook/sign-webhook.ts';
import type { WebhookSettings } from '../webhook/webhook-outlet.ts';

/** Where facts go beside the store. */
export interface SinkSettings {
  readonly nats?: NatsStreamSettings;
  readonly webhooks: readonly WebhookSettings[];
}

const webhookSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'url', 'secret'],
  properties: {
    name: {
      type: 'string',
      pattern: '^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$',
      expects: 'a name of lower-case letters, digits and hyphens',
    },
    url: {
      type: 'string',
      maxLength: 2048,
      pattern: '^https?://[^\\s/?#@]+(?:[/?][^\\s#]*)?$',
      expects: 'an address such as https://receiver.example/facts, without a user in it',
    },
    secret: { type: 'string', secret: true },
    batch: { type: 'integer', minimum: 1, maximum: 5000, default: 500 },
    timeoutMs: { duration: true, minimum: 100, maximum: 300_000, default: 20_000 },
  },
};

/** The JSON Schema of `usage.sinks`. */
export const sinksSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    nats: natsStreamSchema({ stream: 'weir-facts', subject: 'weir.facts' }),
    webhooks: { type: 'array', maxItems: 16, items: webhookSchema, default: [] },
  },
};

/** Rules that the schema cannot say. @param path where the section stands in the config. */
export function sinkFaults(
  { nats, webhooks }: SinkSettings,
  hasJournal: boolean,
  path: readonly (string | number)[],
): readonly SettingsFault[] {
  const faults: SettingsFault[] = [];
  if (!hasJournal && (nats !== undefined || webhooks.length > 0))
    faults.push({
      path,
      message:
        'sinks read the journal, which keeps facts while they are away: usage.journal must not be none',
    });
  if (nats !== undefined) faults.push(...natsFaults(nats, [...path, 'nats']));
  const names = new Set<string>();
  webhooks.forEach(({ name, url, secret }, i) => {
    const refuse = (member: string, message: string): void => {
      faults.push({ path: [...path, 'webhooks', i, member], message });
    };
    if (names.has(name)) refuse('name', 'this name is used twice');
    names.add(name);
    if (!URL.canParse(url)) refuse('url', 'expected an address such as https://receiver.example/facts');
    const problem = webhookSecretProblem(secret);
    if (problem !== null) refuse('secret', problem);
  });
  return faults;
}
