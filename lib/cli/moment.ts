export { MOMENT_WORDS, parseInstant, parseMoment } from '../base/index.ts';
