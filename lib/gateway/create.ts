import { type ConfigProblem, formatProblems, processEnvironment } from '../config/index.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import type { Settings } from './settings.ts';
import { SettingsLoader } from './settings-loader.ts';

/** A config that was refused: `problems` says where and what to do. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(formatProblems(problems));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Starts a gateway from settings that this loader gave. */
export function startGateway(
  settings: Settings,
  loader: SettingsLoader,
  options: GatewayOptions = {},
): Promise<Gateway> {
  return Gateway.start(settings, loader, options);
}

/**
 * A gateway inside another Node service. `config` has the shape of the config
 * file; `env:NAME` references are read from this process's environment, and a
 * `Secret` may stand for one. Rejects with a `ConfigError`.
 */
export async function createGateway(config: object = {}): Promise<Gateway> {
  const loader = new SettingsLoader(processEnvironment());
  const result = loader.load({ object: config });
  if (!result.ok) throw new ConfigError(result.problems);
  return startGateway(result.settings, loader);
}
