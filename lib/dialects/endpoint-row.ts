import type { Endpoint, Operation, UsageReading } from '../pipeline/index.ts';

/** What an endpoint has beyond its name and operation; absent means no. */
export interface EndpointOptions {
  readonly streams?: Endpoint['streams'];
  readonly includeUsageOption?: boolean;
  readonly mandatoryEnd?: boolean;
  readonly usage?: UsageReading;
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
    includeUsageOption: options.includeUsageOption ?? false,
    mandatoryEnd: options.mandatoryEnd ?? false,
    usage: options.usage ?? null,
  });
}

/** A row for a path that names the model. */
export function withPathModel(row: Endpoint, pathModel: string): Endpoint {
  return { ...row, pathModel };
}

/** What a family says of a path it has no row for: allowed only by explicit grant, and never metered. */
export function otherEndpoint(family: string): Endpoint {
  return endpointRow(family, family, 'other');
}
