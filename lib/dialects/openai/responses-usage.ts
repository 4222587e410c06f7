import type { UsageReading } from '../../pipeline/index.ts';
import { Fold, usageReading } from '../fold.ts';
import { PointerList } from '../pointer-list.ts';
import { statedWord } from '../stated.ts';
import { StatedRates } from '../stated-rates.ts';
import {
  hasUsage,
  PLAIN_RULES,
  RESPONSES_WORDS,
  replaceUsage,
  type UsageBlock,
  usageBlock,
} from './usage-block.ts';

/** The response object: the body itself, or `/response` of the lifecycle events of a stream. */
interface ResponseColumns {
  readonly model: number;
  readonly status: number;
  readonly usage: UsageBlock;
  readonly rates: readonly number[];
}

/** A response that is still under way has not finished, whatever its status word. */
const UNFINISHED: ReadonlySet<string> = new Set(['queued', 'in_progress']);
const LAST_EVENTS: ReadonlySet<string> = new Set([
  'response.completed',
  'response.failed',
  'response.incomplete',
  'response.cancelled',
  'error',
]);

const LIST = new PointerList();
const TYPE = LIST.column('/type');
const ERROR_MESSAGE = LIST.column('/error/message');
const PLACES: readonly ResponseColumns[] = ['/response', ''].map(prefix => ({
  model: LIST.column(`${prefix}/model`),
  status: LIST.column(`${prefix}/status`),
  usage: usageBlock(LIST, `${prefix}/usage`, RESPONSES_WORDS),
  rates: [LIST.column(`${prefix}/service_tier`)],
}));

class ResponsesFold extends Fold {
  readonly #rates = new StatedRates();

  document(values: readonly unknown[], event: string | null): void {
    const usage = this.usage;
    // Some servers send no `event:` line; the type in the data is always there.
    const type = statedWord(values[TYPE]) ?? event;
    if (type !== null && LAST_EVENTS.has(type)) this.ended = true;
    if (statedWord(values[ERROR_MESSAGE]) !== null) this.ended = true;
    for (const place of PLACES) {
      usage.modelServed = statedWord(values[place.model]) ?? usage.modelServed;
      const status = statedWord(values[place.status]);
      if (status !== null && !UNFINISHED.has(status)) {
        usage.finishReason = status;
        this.ended = true;
      }
      this.#rates.take(values, place.rates, usage);
      if (hasUsage(values, place.usage)) replaceUsage(values, place.usage, usage, PLAIN_RULES);
    }
  }
}

export const RESPONSES_READING: UsageReading = usageReading(LIST, () => new ResponsesFold(), ['/delta']);
