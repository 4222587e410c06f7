import type { IncomingMessage } from 'node:http';
import type { Endpoint, Exchange, Operation } from '../pipeline/index.ts';
import { readFormModels } from './form-models.ts';
import { JsonModels } from './json-models.ts';
import { outerKind } from './model-names.ts';
import { ModelStatements } from './model-statements.ts';

/** Which models a request asks for, as every provider must read it. */
export type RequestedModels =
  /** It is of a kind that runs no model. */
  | { readonly kind: 'none' }
  /** At least one; all of them may be used. */
  | { readonly kind: 'models'; readonly models: readonly string[] }
  /** Two readers may see different ones, or it cannot be seen from here. */
  | { readonly kind: 'unreadable'; readonly why: string };

/** How an operation states its model. */
type Statement = 'required' | 'optional' | 'none' | 'unseen';

const STATEMENTS: Readonly<Record<Operation, Statement>> = {
  chat: 'required',
  completion: 'required',
  embedding: 'required',
  rerank: 'required',
  moderation: 'optional',
  image: 'required',
  speech: 'required',
  transcription: 'required',
  count_tokens: 'required',
  models: 'none',
  realtime: 'required',
  files: 'none',
  // A batch runs what its input names, and what an unknown call runs is unknown.
  batches: 'unseen',
  other: 'unseen',
};

/** Some servers take the method from here, and the endpoint was found by the real one. */
const METHOD_OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
]);
const MODEL_FIELD = /(?:^|-)(?:models?|deployments?)(?:-|$)/;
const CANCEL = /(?:^|:)cancel$/;
const MULTIPART = /^[ \t]*multipart\//i;
const FORM = /^[ \t]*application\/x-www-form-urlencoded/i;
const CHARSET = /charset/gi;
const UTF8 = /;[ \t]*charset="?utf-?8"?[ \t]*(?:;|$)/i;
/** A longer form is none that a client sent for JSON by mistake. */
const FORM_BYTES_MAX = 1024 * 1024;

/** Whether the body of such a request must be in hand for `requestedModels`. */
export function statesModelInBody({ operation }: Endpoint): boolean {
  const statement = STATEMENTS[operation];
  return statement === 'required' || statement === 'optional';
}

/**
 * The models of a request whose body is in hand (null: it has none), from every
 * place where a provider may read one: path, body, query, header. See
 * `ModelReading` for one that takes breaks.
 */
export function requestedModels(exchange: Exchange): RequestedModels {
  const reading = new ModelReading(exchange);
  reading.readTo(Number.POSITIVE_INFINITY);
  return reading.result;
}

/** The same in steps, so that a long body does not hold up everybody else. */
export class ModelReading {
  readonly #exchange: Exchange;
  readonly #statement: Statement;
  readonly #found = new ModelStatements();
  #json: JsonModels | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#statement = STATEMENTS[exchange.endpoint!.operation];
    if (statesModelInBody(exchange.endpoint!)) this.#begin();
  }

  /** Reads on, as far as this offset of the body or somewhat further; false while there is more. */
  readTo(offset: number): boolean {
    return this.#json === null || this.#json.readTo(offset);
  }

  /** Once `readTo` has said true. */
  get result(): RequestedModels {
    if (this.#statement === 'none') return { kind: 'none' };
    if (this.#statement === 'unseen') return unseen(this.#exchange);
    const { doubt, named, hasOwn } = this.#found;
    if (doubt !== null) return { kind: 'unreadable', why: doubt };
    if (!hasOwn && this.#statement === 'required') return { kind: 'unreadable', why: 'no model is stated' };
    if (named.size === 0) return { kind: 'none' };
    return { kind: 'models', models: this.#withoutRepetition() };
  }

  #begin(): void {
    const { req, body, endpoint, target } = this.#exchange;
    const found = this.#found;
    if (!isDecodable(target!.rest)) found.fail('the path is no UTF-8');
    if (endpoint!.pathModel !== null) found.own(endpoint!.pathModel);
    // Realtime sessions state their model in the query alone.
    readQuery(target!.query, endpoint!.operation === 'realtime', found);
    const contentType = readFields(req.rawHeaders, found);
    if (body === null || body.length === 0) {
      if (body === null && hasBody(req)) found.fail('the body is not in hand');
    } else if (MULTIPART.test(contentType)) {
      // Its session is JSON within a field.
      if (endpoint!.operation === 'realtime') found.fail('the session is described in a form');
      else readFormModels(body, contentType, found);
    } else {
      if (!isUtf8Type(contentType)) found.fail('the body is no UTF-8');
      if (FORM.test(contentType)) readLikeForm(body, found);
      this.#json = new JsonModels(body, found);
    }
  }

  /** Google's SDKs repeat the model of the path in the body, with what stands before it in the path. */
  #withoutRepetition(): readonly string[] {
    const models = [...this.#found.named];
    const { endpoint, target } = this.#exchange;
    const { pathModel } = endpoint!;
    const path = `/${target!.segments.join('/')}`;
    const resource = path.slice(0, Math.max(0, path.lastIndexOf(':')));
    if (pathModel === null || !resource.endsWith(`/${pathModel}`)) return models;
    return models.filter(model => model === pathModel || !resource.endsWith(`/${model}`));
  }
}

/** A request that only reads or stops something runs no model; what else one may run is not stated where we know of. */
function unseen({ req, target }: Exchange): RequestedModels {
  const stops = CANCEL.test(target!.segments.at(-1) ?? '');
  if (stops || !hasBody(req)) return { kind: 'none' };
  return { kind: 'unreadable', why: 'what this call runs cannot be told from the request' };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function readQuery(query: string, statesOwn: boolean, into: ModelStatements): void {
  if (query === '') return;
  // Older servers split at semicolons as well.
  for (const pair of query.slice(1).split(/[&;]/)) readPair(pair, statesOwn, into);
}

function readPair(pair: string, statesOwn: boolean, into: ModelStatements): void {
  const equals = pair.indexOf('=');
  const name = decodeQuery(equals === -1 ? pair : pair.slice(0, equals));
  const value = equals === -1 ? '' : decodeQuery(pair.slice(equals + 1));
  if (name === null || value === null) into.fail('the query is no UTF-8');
  else if (name === '_method') into.fail('another method is asked for');
  else {
    const kind = outerKind(name);
    if (kind === 'chooser') into.fail('something stored at the provider chooses the model');
    else if (kind !== 'none' && kind !== 'talk' && pair.includes('+'))
      into.fail('a model in the query holds a plus');
    else if (kind === 'model' && statesOwn) into.own(value);
    else if (kind !== 'none' && kind !== 'talk') into.add(value);
  }
}

function decodeQuery(text: string): string | null {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Looks through the header; the content type, '' without one. */
function readFields(rawHeaders: readonly string[], into: ModelStatements): string {
  let contentType: string | null = null;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i]!.toLowerCase();
    const name = raw.replaceAll('_', '-');
    const value = rawHeaders[i + 1]!;
    if (name === 'content-type') {
      if (contentType !== null || raw !== name) into.fail('the content type is stated twice');
      contentType = value;
    } else if (name === 'content-encoding') {
      if (!/^[ \t]*(?:identity)?[ \t]*$/i.test(value)) into.fail('the body is encoded');
    } else if (METHOD_OVERRIDES.has(name)) {
      into.fail('another method is asked for');
    } else if (MODEL_FIELD.test(name)) {
      into.add(value);
    }
  }
  return contentType ?? '';
}

/** JSON is UTF-8 unless the type says otherwise, whether or not a reader heeds it. */
function isUtf8Type(contentType: string): boolean {
  const stated = contentType.match(CHARSET)?.length ?? 0;
  return stated === 0 || (stated === 1 && UTF8.test(contentType));
}

/** JSON sent as a form, as curl does unless told: no form reader may find a model in it. */
function readLikeForm(body: Buffer, into: ModelStatements): void {
  if (body.length > FORM_BYTES_MAX) into.fail('a form is too long to be JSON');
  else if (body.toString('latin1').split(/[&;]/).some(namesModel))
    into.fail('the body names a model if it is read as a form');
}

function namesModel(pair: string): boolean {
  const equals = pair.indexOf('=');
  const name = decodeQuery(equals === -1 ? pair : pair.slice(0, equals));
  const kind = name === null ? 'none' : outerKind(name);
  return kind === 'model' || kind === 'models' || kind === 'lookalike';
}
