/**
 * Fields that tie a request to an account of the provider's (CONTRACT §2). They
 * belong to the client's own key, so a managed request loses them.
 */
export const ACCOUNT_REQUEST_FIELDS: ReadonlySet<string> = new Set(['openai-organization', 'openai-project']);

/** Fields of an answer that name the operator's account: not for a client with a virtual key. */
export const ACCOUNT_RESPONSE_FIELDS: ReadonlySet<string> = new Set([
  'openai-organization',
  'openai-project',
  'anthropic-organization-id',
]);
