export { factLine } from './fact-line.ts';
export { Log, type LogOptions } from './log.ts';
export { Metrics, type MetricsText } from './metrics.ts';
