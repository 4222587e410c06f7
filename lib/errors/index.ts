export {
  ERRORS,
  type ErrorCode,
  type ErrorRetry,
  type ErrorRow,
  type ErrorSource,
  errorRow,
} from './codes.ts';
export { Refusal } from './refusal.ts';
