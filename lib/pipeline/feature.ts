import type { Clock } from '../base/index.ts';
import type { FactSink } from './fact.ts';
import type { Provider } from './provider.ts';
import type { Stage } from './stage.ts';

/** Something worth an operator's eye that fails no request. */
export interface Warning {
  readonly code: string;
  readonly message: string;
}

/** What the house lends a feature. */
export interface House {
  readonly clock: Clock;
  readonly instance: string;
  readonly boot: string;
  readonly providers: ReadonlyMap<string, Provider>;
  warn(warning: Warning): void;
}

/** What a feature brings. Absent members cost nothing. */
export interface Installed {
  readonly stages?: readonly Stage[];
  readonly sinks?: readonly FactSink[];
  /** The end of every message waits until a sink of this feature has its fact. */
  readonly holdsEnd?: boolean;
  /** Why no request may be taken at the moment, or null. */
  blockedBy?(): 'journal_unavailable' | null;
  close?(): Promise<void>;
}

/** A part of the house that config switches on. Without its section `install` is never called. */
export interface Feature<Settings> {
  /** The config section it owns. */
  readonly section: string;
  /** JSON Schema of the section, with this project's keywords (see lib/config). */
  readonly schema: object;
  /** What the settings amount to, in lines for a person; opens nothing. */
  describe(settings: Settings): readonly string[];
  install(settings: Settings, house: House): Promise<Installed>;
}
