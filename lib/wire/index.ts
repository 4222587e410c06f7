export { asBareTarget, parseTarget, type Target } from './target.ts';
export {
  CREDENTIAL_FIELDS,
  connectionNamed,
  fieldValue,
  isRemovedRequestField,
  isRemovedResponseField,
} from './fields.ts';
export {
  type BodyFraming,
  BodyScanner,
  type BodyScannerOptions,
  type BodySink,
  type BodyState,
  scannable,
} from './body-scanner.ts';
export { JsonScanner, type JsonScannerOptions, type JsonSink } from './json-scanner.ts';
export { PointerSet } from './pointer-set.ts';
export { type KeySpan, type RootKeys, scanRootKeys } from './root-keys.ts';
