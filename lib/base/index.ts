export { BadCredentialBudget } from './bad-credential-budget.ts';
export { type Clock, systemClock } from './clock.ts';
export { ADD_MAX, CountMin, SATURATED, type SketchShape } from './count-min.ts';
export {
  type Fingerprint,
  FingerprintTable,
  type FingerprintValue,
  fingerprintOf,
} from './fingerprint-table.ts';
export { IdSource, requestIdFrom } from './ids.ts';
export { MOMENT_WORDS, parseInstant, parseMoment, parseSpan } from './moment.ts';
export { packageRoot, packageVersion } from './paths.ts';
export { Secret } from './secret.ts';
export { type CountersShape, NO_ROOM, SharedCounters } from './shared-counters.ts';
export { DEPTH_MAX, type SketchKey, SketchSeed } from './sketch-seed.ts';
export { SlotClock, WINDOW_SLOTS } from './slot-clock.ts';
export { REFUSED, type SlotDelta, type WindowShape, WindowSketch } from './window-sketch.ts';
