import type { AdminAnswer } from '../pipeline/index.ts';
import type { WordFault } from './fact-filter.ts';

/** A word of a query means nothing. */
export function misused({ name, problem }: WordFault): AdminAnswer {
  return refusal(400, 'bad_request', `${name} ${problem}`);
}

/** The store could not be asked. */
export function away(problem: string): AdminAnswer {
  return refusal(503, 'store_unavailable', `the store does not answer: ${problem}`);
}

function refusal(status: number, code: string, message: string): AdminAnswer {
  return { status, body: { error: { code, message } } };
}
