import { setImmediate } from 'node:timers/promises';
import { Refusal } from '../errors/index.ts';
import type { Exchange, ModelPatterns, Stage, StageResult } from '../pipeline/index.ts';
import { ModelReading, statesModelInBody } from './requested-models.ts';

/** Read at a time: some milliseconds at most. */
const STEP_BYTES = 256 * 1024;
const SHOWN_CHARACTERS_MAX = 128;

/** Whether a grant that restricts models can be judged only with the whole body in hand. */
export function needsWholeBody(exchange: Exchange): boolean {
  return statesModelInBody(exchange.endpoint!);
}

/**
 * The models of a request against the grant of its key (CONTRACT §3): every one
 * that it names must be granted, and a request that does not name them
 * unambiguously is refused. Needs the body where `needsWholeBody` says so.
 */
export class ModelStage implements Stage {
  readonly name = 'models';
  readonly phase = 'inspect';

  run(exchange: Exchange): StageResult | Promise<StageResult> {
    const patterns = exchange.principal!.grant?.models ?? null;
    if (patterns === null) return undefined;
    const reading = new ModelReading(exchange);
    return reading.readTo(STEP_BYTES)
      ? judge(exchange, reading, patterns)
      : readOn(exchange, reading, patterns);
  }
}

async function readOn(
  exchange: Exchange,
  reading: ModelReading,
  patterns: ModelPatterns,
): Promise<StageResult> {
  for (let offset = 2 * STEP_BYTES; ; offset += STEP_BYTES) {
    await setImmediate();
    if (exchange.settled) return undefined;
    if (reading.readTo(offset)) return judge(exchange, reading, patterns);
  }
}

function judge(exchange: Exchange, reading: ModelReading, patterns: ModelPatterns): StageResult {
  const { result } = reading;
  if (result.kind === 'none') return undefined;
  if (result.kind === 'unreadable') return new Refusal('model_not_granted', result.why);
  const route = exchange.provider!.name;
  const missing = result.models.find(model => !patterns.allows(route, model));
  return missing === undefined
    ? undefined
    : new Refusal('model_not_granted', `model ${missing.slice(0, SHOWN_CHARACTERS_MAX)}`);
}
