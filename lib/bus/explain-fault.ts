import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { BusError } from './bus.ts';

/** What went wrong, for operators. `subject` and `bucket` are named so that they can be granted or made. */
export function explainFault(error: unknown, bucket: string): string {
  if (error instanceof BusError) return error.message;
  const cause = rootOf(error);
  if (cause instanceof errors.PermissionViolationError)
    return `the NATS server forbids us to ${cause.operation === 'publish' ? 'publish' : 'subscribe'} to ${cause.subject}`;
  if (cause instanceof errors.NoRespondersError)
    return cause.subject.startsWith('$KV.')
      ? `there is no bucket ${bucket}`
      : 'JetStream does not answer: it is off on that server, or still starting';
  if (cause instanceof JetStreamApiError) {
    if (cause.code === JetStreamApiCodes.StreamNotFound) return `there is no bucket ${bucket}`;
    return `JetStream refused: ${cause.message}`;
  }
  if (cause instanceof errors.RequestError || cause instanceof errors.ClosedConnectionError)
    return 'the connection to NATS was lost';
  if (cause instanceof errors.TimeoutError) return 'NATS did not answer in time';
  return cause instanceof Error ? cause.message : String(cause);
}

/** Whether the server may have done what was asked, although we were not told. */
export function isOpenEnded(error: unknown): boolean {
  const cause = rootOf(error);
  if (cause instanceof errors.TimeoutError) return true;
  return cause instanceof errors.RequestError || cause instanceof errors.ClosedConnectionError;
}

/** What lies at the bottom of an error. */
export function rootOf(error: unknown): unknown {
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  return error;
}
