import type { Secret } from '../../base/index.ts';
import { DIMENSIONS, type Dimension } from '../../store/index.ts';

export interface SummarySettings {
  /** In the id of each message, and in the store. */
  readonly name: string;
  readonly every: 'week' | 'month';
  readonly by: readonly Dimension[];
  /** Whose; absent: everybody's. */
  readonly subject?: string;
  readonly url: string;
  /** Signs the messages. */
  readonly secret: Secret;
}

/** The JSON Schema of `usage.summaries`. */
export const summariesSchema = {
  type: 'array',
  maxItems: 1000,
  default: [],
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'every', 'url', 'secret'],
    properties: {
      // No full stop: it ends the id in what a webhook signs.
      name: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,63}$' },
      every: { enum: ['week', 'month'] },
      by: {
        type: 'array',
        uniqueItems: true,
        items: { enum: [...DIMENSIONS] },
        default: ['subject', 'model'],
      },
      subject: { type: 'string', minLength: 1, maxLength: 256 },
      url: {
        type: 'string',
        pattern: '^https?://[^\\s@]+$',
        expects: 'an address such as https://example.com/usage',
      },
      secret: { type: 'string', secret: true },
    },
  },
};
