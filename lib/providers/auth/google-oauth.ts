import { type Clock, Secret } from '../../base/index.ts';
import { Refusal } from '../../errors/index.ts';
import type { AuthScheme, OutboundRequest } from '../../pipeline/index.ts';
import {
  looksLikeServiceAccount,
  parseObject,
  parseServiceAccount,
  type ServiceAccount,
  tokenForm,
} from './service-account.ts';

/**
 * Posts `application/x-www-form-urlencoded` text and gives the whole answer.
 * Supplied by who owns the HTTP client. Must settle within a deadline of its
 * own, follow no redirect and bound the answer; rejects where there is none.
 */
export type PostForm = (
  url: URL,
  form: string,
) => Promise<{ readonly status: number; readonly body: string }>;

/** A token is replaced this long before it expires, so that none dies on the way. */
const RENEW_BEFORE_MS = 60_000;

/** RFC 6749 §5.1 only suggests `expires_in`; a value past this is not believed. */
const EXPIRES_MAX_SECONDS = 12 * 3600;

/** What a header may carry. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/;

/**
 * Bearer tokens from a service account (RFC 7523), fetched when first needed
 * and shared by all requests. A key that is no JSON is an API key and goes as
 * `x-goog-api-key`.
 */
export class GoogleOauthScheme implements AuthScheme {
  readonly name = 'google-oauth';
  readonly needsBody = false;
  readonly #clock: Clock;
  readonly #postForm: PostForm;
  /** Keyed by the pool key itself, so that a key that leaves the pool takes its token along. */
  readonly #sources = new WeakMap<Secret, TokenSource | Refusal>();

  constructor(clock: Clock, postForm: PostForm) {
    this.#clock = clock;
    this.#postForm = postForm;
  }

  sign(request: OutboundRequest, key: Secret): undefined | Promise<undefined | Refusal> {
    const text = key.reveal();
    if (!looksLikeServiceAccount(text)) {
      request.headers.push('x-goog-api-key', text);
      return undefined;
    }
    const source = this.#source(key, text);
    if (source instanceof Refusal) return Promise.resolve(source);
    const token = source.current();
    if (token !== null) return addToken(request, token);
    return source
      .fetch()
      .then(fetched => (fetched instanceof Refusal ? fetched : addToken(request, fetched)));
  }

  #source(key: Secret, text: string): TokenSource | Refusal {
    let source = this.#sources.get(key);
    if (source === undefined) {
      const account = parseServiceAccount(text);
      source =
        typeof account === 'string'
          ? failed(`the service account ${account}`)
          : new TokenSource(account, this.#clock, this.#postForm);
      this.#sources.set(key, source);
    }
    return source;
  }
}

function addToken(request: OutboundRequest, token: string): undefined {
  request.secrets.push(new Secret(token));
  request.headers.push('authorization', `Bearer ${token}`);
}

function failed(detail: string): Refusal {
  return new Refusal('upstream_auth_failed', detail);
}

/** The token of one service account: kept while good, fetched once for all who wait. */
class TokenSource {
  readonly #account: ServiceAccount;
  readonly #clock: Clock;
  readonly #postForm: PostForm;
  #token = '';
  /** Monotonic: a jump of the wall clock must not revive a dead token. */
  #renewAtMs = Number.NEGATIVE_INFINITY;
  #pending: Promise<string | Refusal> | null = null;

  constructor(account: ServiceAccount, clock: Clock, postForm: PostForm) {
    this.#account = account;
    this.#clock = clock;
    this.#postForm = postForm;
  }

  current(): string | null {
    return this.#clock.monotonicMs() < this.#renewAtMs ? this.#token : null;
  }

  fetch(): Promise<string | Refusal> {
    this.#pending ??= this.#exchange().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  async #exchange(): Promise<string | Refusal> {
    const startedMs = this.#clock.monotonicMs();
    const form = tokenForm(this.#account, Math.floor(this.#clock.wallMs() / 1000));
    let answer: Awaited<ReturnType<PostForm>>;
    try {
      answer = await this.#postForm(this.#account.tokenUri, form);
    } catch {
      return failed('the token endpoint gave no answer');
    }
    const body = parseObject(answer.body);
    if (answer.status !== 200)
      return failed(`the token endpoint answered ${answer.status}${errorWord(body)}`);
    const token = body?.access_token;
    if (typeof token !== 'string' || !TOKEN.test(token))
      return failed('the token endpoint answered no usable token');
    this.#token = token;
    this.#renewAtMs = startedMs + lifetimeMs(body?.expires_in) - RENEW_BEFORE_MS;
    return token;
  }
}

/** RFC 6749 §5.2: `error` is a word from a closed set; anything else is not repeated. */
function errorWord(body: Readonly<Record<string, unknown>> | null): string {
  const word = body?.error;
  return typeof word === 'string' && /^[a-z_]{1,40}$/.test(word) ? ` ${word}` : '';
}

/** Unstated or odd lifetimes are zero: such a token serves those who wait for it and is not kept. */
function lifetimeMs(expiresIn: unknown): number {
  if (typeof expiresIn !== 'number' || !(expiresIn > 0)) return 0;
  return Math.min(expiresIn, EXPIRES_MAX_SECONDS) * 1000;
}
