import type { AdminRoute, Degradation, Role } from '../pipeline/index.ts';

/** An admin call that is about to take effect. */
export interface AuditEntry {
  /** Name of the admin key. */
  readonly admin: string;
  readonly role: Role;
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** The answer carries it as `x-weir-request-id`. */
  readonly requestId: string;
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The parsed JSON body, not validated; undefined without one. What of it may be kept is the recorder's to know. */
  readonly body: unknown;
}

/** What the ops listener asks of the gateway around it. Called anew for each request. */
export interface OpsHouse {
  /** One and the same array as long as the routes are the same. */
  routes(): readonly AdminRoute[];
  degraded(): readonly Degradation[];
  draining(): boolean;
  /** Null where none are kept. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }> | null;
  /** Resolves once the entry is recorded, or cannot be: then the call does not happen. */
  audit(entry: AuditEntry, route: AdminRoute): Promise<'recorded' | 'unavailable'>;
  /** A recorded call was answered with an error: what it was to change may not have changed. */
  failed(entry: AuditEntry, status: number): Promise<void>;
  reportBug(error: unknown, requestId: string): void;
  readonly version: string;
}

/** Bounds guesses of one address in fixed memory. */
export interface BadCredentials {
  /** Whether that address has used up its guesses of this minute. */
  spent(address: string): boolean;
  /** Counts one. */
  charge(address: string): void;
  /** Whole seconds until it may try again, at least 1. */
  retryAfterSeconds(address: string): number;
}

/** What `BadCredentials` is to allow a minute from one address. */
export const BAD_CREDENTIALS_PER_MINUTE = 20;
