import type { Endpoint } from '../../pipeline/index.ts';

/** What stands somewhere in a request: a text, a number or word as it is written, or an object or array. */
export type StatedValue =
  | { readonly kind: 'string' | 'other'; readonly text: string }
  | { readonly kind: 'container' };

/** What a request says of how much it may be answered, and by which model. */
export class StatedBounds {
  /** The most output tokens of one answer, null where it is not said. */
  outputTokens: number | null = null;
  /** Who reads it another way may find that nothing is said. */
  mayAnswerMore = false;
  /** How many answers to each prompt, at least 1. */
  answers = 1;
  /** A second model is named: which of them runs, only the provider knows. */
  hasOtherModel = false;
  readonly #endpoint: Endpoint;
  #model: string | null = null;
  /** Pointers that bound the output, and those that lead there, as they occurred: whether a number stood there. */
  readonly #seen = new Map<string, boolean>();

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Whether what stands there is worth a `note`. */
  heeds(pointer: string): boolean {
    const { outputLimits, answerCounts } = this.#endpoint;
    return (
      pointer === '/model' ||
      answerCounts.includes(pointer) ||
      outputLimits.some(limit => limit === pointer || limit.startsWith(`${pointer}/`))
    );
  }

  note(pointer: string, value: StatedValue): void {
    const { outputLimits, answerCounts, pathModel } = this.#endpoint;
    if (outputLimits.includes(pointer)) this.#noteLimit(pointer, value);
    else if (answerCounts.includes(pointer)) this.answers = larger(this.answers, countOf(value))!;
    else if (pointer !== '/model') this.#noteBound(pointer, false);
    else if (pathModel === null) this.#noteModel(value.kind === 'container' ? '' : value.text);
  }

  /** Not all take text for a number, some do. */
  #noteLimit(pointer: string, value: StatedValue): void {
    const count = countOf(value);
    this.outputTokens = larger(this.outputTokens, count);
    this.#noteBound(pointer, value.kind === 'other' && count !== null);
    if (value.kind === 'string') this.mayAnswerMore = true;
  }

  /** Of two numbers the larger counts; where one of them is none, some readers see no bound. */
  #noteBound(pointer: string, isNumber: boolean): void {
    const before = this.#seen.get(pointer);
    if (before !== undefined && !(before && isNumber)) this.mayAnswerMore = true;
    this.#seen.set(pointer, isNumber);
  }

  #noteModel(model: string): void {
    if (this.#model !== null && this.#model !== model) this.hasOtherModel = true;
    this.#model = model;
  }
}

/** A count from 1, rounded up; null for anything else. */
function countOf(value: StatedValue): number | null {
  const count = value.kind === 'container' ? 0 : Number(value.text);
  return count > 0 ? Math.ceil(count) : null;
}

function larger(a: number | null, b: number | null): number | null {
  return a === null || (b !== null && b > a) ? b : a;
}
