export { AddressSet, addressBucket, addressOf, clientAddress } from './address.ts';
export type { BodyFraming } from './body-framing.ts';
export { BodyScanner, type BodyScannerOptions, type BodyState, scannable } from './body-scanner.ts';
export {
  CREDENTIAL_FIELDS,
  connectionNamed,
  fieldValue,
  isRemovedRequestField,
  isRemovedResponseField,
} from './fields.ts';
export { JsonReader, type JsonToken } from './json-reader.ts';
export { JsonScanner, type JsonScannerOptions, type JsonSink } from './json-scanner.ts';
export { type FormField, readForm } from './multipart.ts';
export { PointerSet } from './pointer-set.ts';
export { type KeySpan, type ObjectKeys, type RootKeys, scanRootKeys } from './root-keys.ts';
export type { BodySink } from './sse-scanner.ts';
export { asBareTarget, parseTarget, type Target } from './target.ts';
export { TextMeter } from './text-meter.ts';
