export {
  ERRORS,
  type ErrorCode,
  type ErrorRetry,
  type ErrorRow,
  type ErrorSource,
  errorRow,
} from './codes.ts';
export { OperatorFault } from './operator-fault.ts';
export { Refusal } from './refusal.ts';
