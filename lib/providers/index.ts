export { ACCOUNT_REQUEST_FIELDS, ACCOUNT_RESPONSE_FIELDS } from './account-fields.ts';
export type { PostForm } from './auth/google-oauth.ts';
export { type S3Request, signS3 } from './auth/sign-s3.ts';
export { type Catalogue, loadCatalogue } from './catalogue.ts';
export { type BareRoute, type CompiledProviders, compileProviders, type ProviderTools } from './compile.ts';
export { describeProviders, type ProviderDescription } from './describe.ts';
export { describePrice, type ShownPrice } from './prices/describe-price.ts';
export { readKeptPrices } from './prices/last-good.ts';
export { PriceFeed, type PriceFeedOptions } from './prices/price-feed.ts';
export { type PriceFile, readPriceFile } from './prices/price-file.ts';
export {
  addressSource,
  type FetchText,
  fileSource,
  isPriceAddress,
  type PriceSource,
  priceAddressFault,
  type SourceReading,
} from './prices/price-source.ts';
export type { FoundPrice, PriceOrigin, ProviderPrices } from './prices/provider-prices.ts';
export type { ProviderProblem } from './problem.ts';
export type { ClientHint, InvalidKeyAnswer, OtherOrigin, ProviderRow } from './row.ts';
export {
  type KeySettings,
  type ProviderSettings,
  type ProvidersSettings,
  providersSchema,
} from './settings.ts';
