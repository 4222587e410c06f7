import type { Clock } from '../../base/index.ts';
import type { AuthScheme, AuthSchemeName } from '../../pipeline/index.ts';
import { GoogleOauthScheme, type PostForm } from './google-oauth.ts';
import { HeaderScheme } from './header.ts';
import { noneScheme } from './none.ts';
import { Sigv4Scheme } from './sigv4.ts';

/** What a scheme may need besides the key. */
export interface SchemeTools {
  readonly clock: Clock;
  readonly postForm: PostForm;
  /** For `sigv4`: the service name in the signature, and the region where known. */
  readonly signing: Readonly<{ service: string; region: string | null }> | null;
}

/** One line per scheme. Instances hold caches, so each provider has its own. Null where a tool is missing. */
const SCHEMES: Readonly<Record<AuthSchemeName, (tools: SchemeTools) => AuthScheme | null>> = {
  bearer: () => new HeaderScheme('bearer', 'authorization', 'Bearer '),
  'x-api-key': () => new HeaderScheme('x-api-key', 'x-api-key', ''),
  'api-key': () => new HeaderScheme('api-key', 'api-key', ''),
  'x-goog-api-key': () => new HeaderScheme('x-goog-api-key', 'x-goog-api-key', ''),
  'xi-api-key': () => new HeaderScheme('xi-api-key', 'xi-api-key', ''),
  token: () => new HeaderScheme('token', 'authorization', 'Token '),
  raw: () => new HeaderScheme('raw', 'authorization', ''),
  sigv4: ({ signing, clock }) => signing && new Sigv4Scheme(signing.service, signing.region, clock),
  'google-oauth': ({ clock, postForm }) => new GoogleOauthScheme(clock, postForm),
  none: () => noneScheme,
};

/** A fresh instance, or null where `signing` is needed and missing. */
export function createScheme(name: AuthSchemeName, tools: SchemeTools): AuthScheme | null {
  return SCHEMES[name](tools);
}
