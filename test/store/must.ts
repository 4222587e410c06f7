import type { StoreResult } from '../../lib/store/index.ts';
import { within } from '../deadline/index.ts';

/** The value of a call that has to succeed. */
export async function must<T>(call: Promise<StoreResult<T>>): Promise<T> {
  const result = await within(call, 'the store');
  if (!result.ok) throw new Error(result.problem);
  return result.value;
}

/** The problem of a call that has to fail. */
export async function problemOf<T>(call: Promise<StoreResult<T>>): Promise<string> {
  const result = await within(call, 'the store');
  if (result.ok) throw new Error('the call succeeded');
  return result.problem;
}
