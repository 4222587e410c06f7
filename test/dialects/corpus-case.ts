import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Usage } from '../../lib/pipeline/index.ts';

/** One recorded answer: what it is and what must be read from it. */
export interface Case {
  readonly id: string;
  readonly provider: string;
  readonly dialect: string;
  readonly path: string;
  readonly method: string;
  readonly contentType: string;
  readonly stream: boolean;
  readonly status: number;
  readonly expected: Readonly<Record<string, number | string>> | null;
  readonly iterationsSum?: Readonly<Record<string, number>>;
}

/** Where the corpus has another name for a provider than its row. */
const ROW_NAMES: ReadonlyMap<string, string> = new Map([
  ['gemini', 'google'],
  ['llama.cpp', 'llamacpp'],
]);

/** The provider row of a case. */
export function rowName(one: Case): string {
  return ROW_NAMES.get(one.provider) ?? one.provider;
}

/** The codings that bodies are tried in, by turns. */
export const CODINGS = [
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
  ['deflate', deflateSync],
] as const;

/** Up to this size a body is fed byte by byte. */
const SMALL_BYTES = 4096;

/** mulberry32: the same pieces in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The body in pieces of random size, always the same for a seed; a small one byte by byte. */
export function pieces(body: Buffer, seed: number): readonly Buffer[] {
  const random = randomFrom(seed);
  const largest = body.length <= SMALL_BYTES ? 1 : Math.ceil(body.length / 100);
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + Math.floor(random() * largest);
    parts.push(body.subarray(at, at + size));
    at += size;
  }
  return parts;
}

/** Cost is compared in nanos, rounded from the decimal text of the corpus. */
function nanos(usd: number): number {
  return Math.round(usd * 1e9);
}

function readings(usage: Usage): Readonly<Record<string, number | string | null>> {
  const { measures } = usage;
  return {
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    cachedInputTokens: usage.cachedInputTokens,
    cacheWriteTokens: usage.cacheWriteTokens,
    reasoningTokens: usage.reasoningTokens,
    audioTokens: usage.audioTokens,
    costUsd: usage.costNanos,
    totalTokens: measures.totalTokens ?? null,
    audioSeconds: measures.audioMs === undefined ? null : measures.audioMs / 1000,
    webSearchRequests: measures.webSearches ?? null,
    toolUsePromptTokens: measures.toolUsePromptTokens ?? null,
    searchUnits: measures.searchUnits ?? null,
    imageInputTokens: measures.imageInputTokens ?? null,
    billedInputTokens: measures.billedInputTokens ?? null,
    billedOutputTokens: measures.billedOutputTokens ?? null,
    model: usage.modelServed,
    finishReason: usage.finishReason,
  };
}

/** What must be null, or the zero that the corpus leaves out, where a case does not state it. */
const CORE = [
  'inputTokens',
  'outputTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'reasoningTokens',
  'audioTokens',
  'costUsd',
];

/** What was read wrong, in words; nothing where all is right. */
export function differences(one: Case, usage: Usage): readonly string[] {
  const found: string[] = [];
  const read = readings(usage);
  const expected = one.expected ?? {};
  if (one.expected === null && usage.stated) found.push('usage where there is none');
  if (usage.invalid) found.push('marked invalid');
  for (const [name, value] of Object.entries(expected)) {
    if (!(name in read)) found.push(`${name} is not compared`);
    const right = name === 'costUsd' ? nanos(value as number) : value;
    if (read[name] !== right) found.push(`${name}: ${read[name]}, not ${right}`);
  }
  for (const name of CORE) {
    if (!(name in expected) && read[name] !== null && read[name] !== 0)
      found.push(`${name}: ${read[name]}, not stated`);
  }
  if (one.iterationsSum !== undefined) {
    const { iterationInputTokens: input, iterationOutputTokens: output } = usage.measures;
    const sum = one.iterationsSum;
    if (input !== sum.inputTokens || output !== sum.outputTokens)
      found.push(`iterations: ${input}, ${output}`);
  }
  return found;
}

/** The cases of a corpus folder in order. */
export function loadCases(folder: string): readonly Case[] {
  return readdirSync(folder)
    .filter(id => existsSync(join(folder, id, 'case.json')))
    .sort()
    .map(id => ({ ...(JSON.parse(readFileSync(join(folder, id, 'case.json'), 'utf8')) as Case), id }));
}
