import type { Test } from 'tap';
import type { Refusal } from '../../../lib/errors/index.ts';
import type { DenySettings } from '../../../lib/keys/deny/settings.ts';
import type { Exchange, House, Principal, Warning } from '../../../lib/pipeline/index.ts';
import { DEFAULT_OPERATIONS } from '../../../lib/pipeline/index.ts';
import { Changes } from '../../deadline/index.ts';

/** A clock that stands still until it is set. */
export class HeldClock {
  nowMs = Date.UTC(2026, 10, 21, 12);
  readonly wallMs = (): number => this.nowMs;
  readonly monotonicMs = (): number => this.nowMs;
}

/** A house that remembers what it was told. */
export class TestHouse implements House {
  readonly clock = new HeldClock();
  readonly instance = 'test';
  readonly boot = '00';
  readonly providers = new Map();
  readonly warnings: Warning[] = [];
  readonly verdicts: ((principal: Principal) => Refusal | null)[] = [];
  readonly changes = new Changes();

  warn(warning: Warning): void {
    this.warnings.push(warning);
    this.changes.notify();
  }

  endWhere(verdict: (principal: Principal) => Refusal | null): void {
    this.verdicts.push(verdict);
    this.changes.notify();
  }

  codes(): string[] {
    return this.warnings.map(({ code }) => code);
  }
}

const GRANT = {
  providers: null,
  operations: DEFAULT_OPERATIONS,
  models: null,
  addresses: null,
  rpm: null,
  tpm: null,
  concurrency: null,
  bodyBytes: null,
  budget: null,
};

export function principal(changes: Partial<Principal> = {}): Principal {
  return {
    auth: 'virtual',
    subject: 'alice',
    keyId: '01k',
    tags: {},
    managed: true,
    grant: GRANT,
    issuer: 'k4.pid.a',
    issuedMs: Date.UTC(2026, 10, 1),
    ...changes,
  };
}

export function exchangeOf(principal: Principal | null): Exchange {
  return { principal } as Exchange;
}

export function settings(changes: Partial<DenySettings>): DenySettings {
  return { snapshot: 'none', maxEntries: 1000, cutStreams: false, requireSeed: false, ...changes };
}

export const NATS = { servers: ['nats://127.0.0.1:4222'], bucket: 'weir-deny' } as const;

/** A folder of a test, that outlives what its teardowns close: who asks for a fixture first has it removed first. */
export function folderOf(t: Test, content: Record<string, string> = {}): string {
  t.teardown(() => {});
  return t.testdir(content);
}
