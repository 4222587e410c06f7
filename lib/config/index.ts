export { type ConfigProblem, type ConfigResult, formatProblems } from './config-problem.ts';
export { type ConfigContext, ConfigReader, type SettingsFault } from './config-reader.ts';
export { nearest } from './nearest.ts';
export { processEnvironment } from './process-environment.ts';
export type { Environment } from './reference-reader.ts';
export { type WatchOptions, watchFiles } from './watch-files.ts';
