import { createHash } from 'node:crypto';
import { inputTokens, modelOf } from '../script.ts';
import { type Call, json, type Reply, type Route } from '../wire.ts';

/** `/embeddings`. */
export const embeddingsRoute: Route = { method: 'POST', path: /\/embeddings$/, reply };

const DIMENSIONS = 8;
const DIMENSIONS_MAX = 4096;
const ITEMS_MAX = 2048;

function reply(call: Call): Reply {
  const dimensions = dimensionsOf(call.body.dimensions);
  const base64 = call.body.encoding_format === 'base64';
  const data = itemsOf(call.body.input).map((item, index) => {
    const vector = unitVector(JSON.stringify(item ?? null), dimensions);
    const embedding = base64 ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector);
    return { object: 'embedding', index, embedding };
  });
  const tokens = inputTokens(call);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return json({ object: 'list', data, model: modelOf(call), usage });
}

/** One text, one list of token ids, or a list of either. */
function itemsOf(input: unknown): readonly unknown[] {
  if (!Array.isArray(input) || typeof input[0] === 'number') return [input];
  return input.slice(0, ITEMS_MAX);
}

function dimensionsOf(asked: unknown): number {
  return Number.isInteger(asked) && (asked as number) >= 1 && (asked as number) <= DIMENSIONS_MAX
    ? (asked as number)
    : DIMENSIONS;
}

/** A vector of length 1 that depends on the text alone, from its hash: equal texts are equal, others are not. */
function unitVector(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  let squares = 0;
  for (let i = 0; i < dimensions; i++) {
    const value = createHash('sha256').update(`${i}:${text}`).digest().readInt32LE(0) / 0x8000_0000;
    vector[i] = value;
    squares += value * value;
  }
  const length = Math.sqrt(squares) || 1;
  for (let i = 0; i < dimensions; i++) vector[i]! /= length;
  return vector;
}
