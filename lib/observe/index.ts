export { factLine } from './fact-line.ts';
export { LineBudget } from './line-budget.ts';
export { Log, type LogOptions } from './log.ts';
export { Metrics, type MetricsText } from './metrics.ts';
