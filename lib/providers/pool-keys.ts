import { Secret } from '../base/index.ts';
import type { AuthSchemeName, PoolKey } from '../pipeline/index.ts';
import { looksLikeServiceAccount, parseServiceAccount } from './auth/service-account.ts';
import type { ProviderProblem } from './problem.ts';
import type { KeySettings } from './settings.ts';

const DEFAULT_WEIGHT = 1;

/** What a header field may carry without changing the request around it. */
const SENDABLE = /^[\x21-\x7e]+$/;

/** The keys of one provider; what is wrong with them joins `problems`. */
export function compilePoolKeys(
  provider: string,
  keys: readonly (Secret | KeySettings)[],
  schemes: readonly AuthSchemeName[],
  problems: ProviderProblem[],
): readonly PoolKey[] {
  const seen = new Set<string>();
  return keys.map((entry, index) => {
    const { id = `${provider}-${index + 1}`, key: secret, weight = DEFAULT_WEIGHT } = asSettings(entry);
    const path = `providers.${provider}.keys[${index}]`;
    if (seen.has(id))
      problems.push({ path, message: `the key id ${id} is taken by another key of this provider` });
    seen.add(id);
    const fault = keyFault(secret.reveal(), schemes);
    if (fault !== null) problems.push({ path, message: fault });
    return Object.freeze({ id, secret, weight });
  });
}

function asSettings(entry: Secret | KeySettings): KeySettings {
  return entry instanceof Secret ? { key: entry } : entry;
}

/** What is wrong with a key, without a character of it. */
function keyFault(key: string, schemes: readonly AuthSchemeName[]): string | null {
  if (schemes.includes('google-oauth') && looksLikeServiceAccount(key)) {
    const account = parseServiceAccount(key);
    return typeof account === 'string' ? `the service account ${account}` : null;
  }
  if (key === '') return 'the key is empty';
  return SENDABLE.test(key)
    ? null
    : 'the key holds a space, line break or other character that a header cannot carry';
}
