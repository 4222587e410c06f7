import type { Endpoint, Operation, UsageReading } from '../pipeline/index.ts';
import { PointerSet } from '../wire/index.ts';

/** What an endpoint has beyond its name and operation; absent means no. */
export interface EndpointOptions {
  readonly streams?: Endpoint['streams'];
  readonly outputLimits?: readonly string[];
  readonly answerCounts?: readonly string[];
  readonly answerLists?: readonly string[];
  readonly includeUsageOption?: boolean;
  readonly mandatoryEnd?: boolean;
  readonly usage?: UsageReading;
  /** Where an answer states the id of what was stored. */
  readonly stores?: readonly string[];
  /** See `StoredState`. */
  readonly references?: readonly string[];
}

/** One row of a family's table, made once and shared by all requests. */
export function endpointRow(
  family: string,
  name: string,
  operation: Operation,
  options: EndpointOptions = {},
): Endpoint {
  return Object.freeze({
    name,
    family,
    operation,
    streams: options.streams ?? 'never',
    pathModel: null,
    outputLimits: options.outputLimits ?? [],
    answerCounts: options.answerCounts ?? [],
    answerLists: options.answerLists ?? [],
    includeUsageOption: options.includeUsageOption ?? false,
    mandatoryEnd: options.mandatoryEnd ?? false,
    usage: options.usage ?? null,
    state: storedState(options),
  });
}

function storedState({ usage, stores = [], references = [] }: EndpointOptions): Endpoint['state'] {
  if (stores.length === 0 && references.length === 0) return null;
  const usagePointers = usage?.pointers.pointers ?? [];
  return Object.freeze({
    pointers: new PointerSet([...usagePointers, ...stores]),
    firstId: usagePointers.length,
    references: new Set(references),
  });
}

/** A row for a path that names the model. */
export function withPathModel(row: Endpoint, pathModel: string): Endpoint {
  return { ...row, pathModel };
}

/** What is stored by calls that no row describes. */
const OTHER_STORES: readonly string[] = ['/id', '/conversation_id'];
const OTHER_REFERENCES: readonly string[] = [
  'conversation_id',
  'file_id',
  'file_ids',
  'vector_store_ids',
  'training_file',
  'validation_file',
];

/** What a family says of a path it has no row for: allowed only by explicit grant, and never metered. */
export function otherEndpoint(
  family: string,
  stores: readonly string[] = OTHER_STORES,
  references: readonly string[] = OTHER_REFERENCES,
): Endpoint {
  return endpointRow(family, family, 'other', { stores, references });
}
