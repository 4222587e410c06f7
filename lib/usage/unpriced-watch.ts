import type { Fact, FactSink, Warning } from '../pipeline/index.ts';

/** Models that are told of; a name may be anything a client writes that its provider answers. */
const MODELS_MAX = 1000;
const SHOWN_CHARACTERS_MAX = 100;

/** Warns once of each model whose use has no cost: what is not in the bill should not be a surprise. */
export class UnpricedWatch implements FactSink {
  readonly name = 'unpriced';
  readonly #warn: (warning: Warning) => void;
  readonly #told = new Set<string>();

  constructor(warn: (warning: Warning) => void) {
    this.#warn = warn;
  }

  take(fact: Fact): false {
    if (fact.costNanos === null && isWhole(fact)) this.#tell(fact.provider!, modelOf(fact));
    return false;
  }

  #tell(provider: string, model: string): void {
    const name = `${provider} ${model}`;
    if (this.#told.has(name) || this.#told.size > MODELS_MAX) return;
    this.#told.add(name);
    if (this.#told.size > MODELS_MAX) {
      const message = `More than ${MODELS_MAX} models have no price: further ones are counted only.`;
      this.#warn({ code: 'unpriced_models', message });
      return;
    }
    const shown = JSON.stringify(model.slice(0, SHOWN_CHARACTERS_MAX));
    this.#warn({
      code: 'unpriced_model',
      message: `Requests of ${provider} with the model ${shown} are unpriced: no price fits it, the price has no rate for something that was used, or the provider billed other rates than its usual ones (service tier, speed, region). weir prices --provider ${provider} --model ${shown} shows which; state one under providers.${provider}.prices.`,
    });
  }
}

/** Answered well, whole and read whole: nothing but a price is missing. */
function isWhole({ outcome, status, usageSource, usageNote, provider }: Fact): boolean {
  if (outcome !== 'complete' || status === null || status < 200 || status > 299) return false;
  return usageSource === 'provider' && usageNote === null && provider !== null;
}

function modelOf({ modelServed, modelRequested }: Fact): string {
  return modelServed ?? modelRequested ?? '';
}
