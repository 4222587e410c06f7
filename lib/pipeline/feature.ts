import type { Clock } from '../base/index.ts';
import type { Refusal } from '../errors/index.ts';
import type { Ledger } from '../store/index.ts';
import type { Exchange } from './exchange.ts';
import type { FactSink } from './fact.ts';
import type { Principal } from './principal.ts';
import type { Provider } from './provider.ts';

/**
 * Where a stage runs, in this order (DESIGN §2, CONTRACT §7): `admit` before
 * the provider is looked up, `identify` with the credential and the deny set,
 * `authorize` with grants, `limit` with rates; then the body is read;
 * `inspect` may look at it, `route` chooses where it goes.
 */
export const PHASES = ['admit', 'identify', 'authorize', 'limit', 'inspect', 'route'] as const;

export type Phase = (typeof PHASES)[number];

/** A stage answers at once unless it truly must wait. `undefined` is "go on". */
export type StageResult = Refusal | undefined;

export interface Stage {
  readonly name: string;
  readonly phase: Exclude<Phase, 'admit'>;
  run(exchange: Exchange): StageResult | Promise<StageResult>;
}

/** A stage of the phase `admit`: nothing is known yet but address and target, and nothing may be waited for. */
export interface AdmitStage {
  readonly name: string;
  readonly phase: 'admit';
  run(exchange: Exchange): StageResult;
}

/** What a stage is called and where it runs. */
export type StageMark = Pick<Stage, 'name' | 'phase'>;

/** The stages of some phases, in the order of phases, then of the list: a phase nobody uses costs nothing. */
export function stagesOf<S extends Pick<Stage, 'phase'>>(
  stages: readonly S[],
  phases: readonly Stage['phase'][],
): readonly S[] {
  return Object.freeze(phases.flatMap(phase => stages.filter(stage => stage.phase === phase)));
}

/** Something worth an operator's eye that fails no request. */
export interface Warning {
  readonly code: string;
  readonly message: string;
}

/** Why an instance is not as it should be, for `/readyz`. */
export interface Degradation {
  readonly code: string;
  readonly message: string;
  /** True when requests are being refused for it: a load balancer should look elsewhere. */
  readonly refuses: boolean;
}

/** What an admin key may do; each role includes those before it. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;

export type Role = (typeof ROLES)[number];

export interface AdminRequest {
  /** By the names in the route's path, each decoded once. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The parsed JSON body, undefined without one. Not validated. */
  readonly body: unknown;
  /** Name of the admin key, for records. */
  readonly admin: string;
  readonly role: Role;
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** The answer carries it as `x-weir-request-id`. */
  readonly requestId: string;
}

/** Bodies are JSON. An error's is `{ error: { code, message } }`, its message telling what to do. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** One call of the ops listener. Whatever is not GET is recorded before it takes effect. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Such as `/deny/:kind/:id`; a segment behind a colon matches any one segment. */
  readonly path: string;
  readonly role: Role;
  /** One line for docs and tests. */
  readonly summary: string;
  /** It puts what it changes on the audit chain itself, in one transaction with the change. */
  readonly audits?: boolean;
  /** Fills in what the body leaves open, before the call is put on record. */
  complete?(body: unknown): unknown;
  run(request: AdminRequest): AdminAnswer | Promise<AdminAnswer>;
}

/** A number read whenever somebody asks for metrics. Labels have few values: never a key, subject or model. */
export interface Metric {
  /** With its unit, as Prometheus names them: `weir_deny_age_seconds`; counters end in `_total`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly labels: readonly string[];
  read(): readonly MetricSample[];
}

export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What the house lends a feature. */
export interface House {
  readonly clock: Clock;
  readonly instance: string;
  readonly boot: string;
  readonly providers: ReadonlyMap<string, Provider>;
  warn(warning: Warning): void;
  /** Ends running exchanges for whose principal a refusal is given. */
  endWhere(verdict: (principal: Principal) => Refusal | null): void;
}

/** What a feature brings. Absent members cost nothing. */
export interface Installed {
  readonly stages?: readonly Stage[];
  readonly admitStages?: readonly AdmitStage[];
  readonly sinks?: readonly FactSink[];
  /** The end of every message waits until a sink of this feature has its fact. */
  readonly holdsEnd?: boolean;
  /** Told of a managed exchange at its first dispatch. Nothing waits for it. */
  opened?(exchange: Exchange): void;
  readonly routes?: readonly AdminRoute[];
  readonly metrics?: readonly Metric[];
  /** Facts are kept elsewhere than in the log: its lines need only name them. */
  readonly keepsFacts?: boolean;
  /** Why no request may be taken at the moment, or null. */
  blockedBy?(): 'journal_unavailable' | null;
  /** Facts cannot be kept at the moment: what must be on record must not happen. */
  losesFacts?(): boolean;
  degraded?(): readonly Degradation[];
  /** A reload replaced it: what it does by itself ends now. Running exchanges may need the rest until `close`. */
  retire?(): void;
  close?(): Promise<void>;
  /** The store of facts, for whatever is computed from them. Whoever brings it closes it. */
  readonly ledger?: Ledger;
  /** Brings all facts that are settled by now to the ledger. False where that could not be done: something is down. */
  caughtUp?(): Promise<boolean>;
  /** Running exchanges need nothing of it any more once a reload replaced it: it is closed at once, and not with the last of them. */
  readonly closesAtOnce?: boolean;
}

/** What of `Installed` shows in the way of a request. */
export interface Outline {
  readonly stages?: readonly StageMark[];
  readonly admitStages?: readonly Pick<AdmitStage, 'name'>[];
  readonly holdsEnd?: boolean;
}

/** A part of the house that config switches on. Without its section `install` is never called. */
export interface Feature<Settings> {
  /** The config section it owns. */
  readonly section: string;
  /** JSON Schema of the section, with this project's keywords (see lib/config). */
  readonly schema: object;
  /** What the settings amount to, in lines for a person; opens nothing. */
  describe(settings: Settings): readonly string[];
  /** What `install` would bring, without opening anything. Absent: nothing of it. */
  outline?(settings: Settings): Outline;
  /**
   * `before` is what this feature gave for the settings that a reload replaces:
   * it serves until the reload succeeds and is closed afterwards. What must
   * outlive a reload (counts, a set in memory) is taken over from it.
   */
  install(settings: Settings, house: House, before: Installed | null): Promise<Installed>;
}
