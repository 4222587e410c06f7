import type { Dialect } from '../pipeline/index.ts';
import type { Target } from '../wire/index.ts';
import { anthropic } from './anthropic/index.ts';
import { bedrock } from './bedrock/index.ts';
import { cohere } from './cohere/index.ts';
import { gemini } from './gemini/index.ts';
import { mistral } from './mistral/index.ts';
import { ollama } from './ollama/index.ts';
import { openai } from './openai/index.ts';

export { otherEndpoint } from './endpoint-row.ts';

/** The families, by the name that config and provider rows use. */
export const dialects: ReadonlyMap<string, Dialect> = new Map(
  [openai, anthropic, gemini, bedrock, cohere, mistral, ollama].map(dialect => [dialect.family, dialect]),
);

/** How errors are worded where no provider's row tells: by the end of the path alone (CONTRACT §7). */
export function fallbackDialect(target: Target | null): Dialect {
  if (target === null) return openai;
  const last = target.segments.at(-1) ?? target.first;
  if (last === 'messages' || (last === 'count_tokens' && target.path.includes('/messages/')))
    return anthropic;
  return last.includes(':') && last.endsWith('Content') ? gemini : openai;
}
