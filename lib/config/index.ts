export { type ConfigProblem, type ConfigResult, formatProblems } from './config-problem.ts';
export { type ConfigContext, ConfigReader, type SettingsFault } from './config-reader.ts';
export {
  editYamlList,
  readYamlList,
  type YamlList,
  type YamlListChange,
  type YamlListEdit,
} from './edit-yaml-list.ts';
export { nearest } from './nearest.ts';
export { type PlacedItem, type PlacedList, readPlacedList } from './placed-list.ts';
export { processEnvironment } from './process-environment.ts';
export { formatQuantity, parseQuantity } from './quantity.ts';
export type { Environment } from './reference-reader.ts';
export { type WatchOptions, watchFiles } from './watch-files.ts';
