import { isUtf8 } from 'node:buffer';

/** One field of a form: its name and where its value stands in the body. */
export interface FormField {
  readonly name: string;
  /** It states a file name, so its value is content. */
  readonly isFile: boolean;
  /** As the part has it, null where it has none. */
  readonly contentType: string | null;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

const PARTS_MAX = 256;
const HEADER_BYTES_MAX = 8 * 1024;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`;[ \\t]*(${TOKEN})=(?:"([^"\\\\]*)"|(${TOKEN}))[ \\t]*`, 'y');
const PART_FIELD = new RegExp(`^(${TOKEN}):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*)$`);
/** RFC 2046 §5.1.1 without the space. */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=?-]{1,70}$/;
const HARMLESS_CODINGS: ReadonlySet<string> = new Set(['7bit', '8bit', 'binary']);

const DASHES = '--';
const LINE_END = '\r\n';
const HEADER_END = '\r\n\r\n';

/**
 * The fields of a `multipart/form-data` body that is wholly in hand, or null
 * where two readers could see different ones. What is understood is what stock
 * clients send (RFC 7578): the body begins with the first delimiter and ends
 * with the last one, lines end in CRLF, the boundary occurs nowhere else, each
 * part has one `content-disposition: form-data` with a plain `name`, nothing is
 * escaped, encoded, folded or nested.
 */
export function readForm(body: Buffer, contentType: string): readonly FormField[] | null {
  const boundary = boundaryOf(contentType);
  if (boundary === null) return null;
  const delimiter = Buffer.from(DASHES + boundary);
  const fields: FormField[] = [];
  let at = delimiter.length;
  if (!body.subarray(0, at).equals(delimiter)) return null;
  while (body.toString('latin1', at, at + 2) === LINE_END) {
    const next = body.indexOf(delimiter, at);
    const field = next === -1 ? null : readPart(body, at + 2, next - 2);
    if (field === null || fields.length === PARTS_MAX) return null;
    fields.push(field);
    at = next + delimiter.length;
  }
  const rest = body.toString('latin1', at, at + 5);
  return rest === DASHES || rest === DASHES + LINE_END ? fields : null;
}

/** The part `body[start, end)`, behind which a line end must stand. */
function readPart(body: Buffer, start: number, end: number): FormField | null {
  if (end < start || body.toString('latin1', end, end + 2) !== LINE_END) return null;
  const head = body.toString('latin1', start, Math.min(end, start + HEADER_BYTES_MAX));
  const headLength = head.indexOf(HEADER_END);
  if (headLength === -1) return null;
  const fields = readPartFields(head.slice(0, headLength));
  const disposition = fields?.get('content-disposition');
  const named = disposition === undefined ? null : readDisposition(disposition);
  if (!fields || named === null) return null;
  const valueStart = start + headLength + HEADER_END.length;
  const length = fields.get('content-length');
  if (length !== undefined && length !== String(end - valueStart)) return null;
  return { ...named, contentType: fields.get('content-type') ?? null, start: valueStart, end };
}

const PART_FIELDS: ReadonlySet<string> = new Set([
  'content-disposition',
  'content-type',
  'content-transfer-encoding',
  'content-length',
]);

/** The header of a part by lower-case name; null for one with other fields, repeated ones, or a value that is encoded or nested. */
function readPartFields(head: string): ReadonlyMap<string, string> | null {
  const fields = new Map<string, string>();
  for (const line of head.split(LINE_END)) {
    const match = PART_FIELD.exec(line);
    const name = match === null ? '' : match[1]!.toLowerCase();
    if (match === null || !PART_FIELDS.has(name) || fields.has(name)) return null;
    fields.set(name, match[2]!.trim());
  }
  const coding = fields.get('content-transfer-encoding');
  if (coding !== undefined && !HARMLESS_CODINGS.has(coding.toLowerCase())) return null;
  return /^multipart\//i.test(fields.get('content-type') ?? '') ? null : fields;
}

function readDisposition(value: string): { readonly name: string; readonly isFile: boolean } | null {
  const parameters = readParameters(value, 'form-data');
  const raw = parameters?.get('name');
  if (!parameters || raw === undefined) return null;
  for (const other of parameters.keys()) if (!/^(?:name|filename\*?)$/.test(other)) return null;
  const name = Buffer.from(raw, 'latin1');
  if (!isUtf8(name)) return null;
  return { name: name.toString('utf8'), isFile: parameters.size > 1 };
}

/** The parameters of a field value by lower-case name; null unless it is of this type and well-formed, none repeated. */
function readParameters(value: string, type: string): ReadonlyMap<string, string> | null {
  if (value.slice(0, type.length).toLowerCase() !== type) return null;
  const parameters = new Map<string, string>();
  let at = value.slice(type.length).search(/[^ \t]|$/) + type.length;
  while (at < value.length) {
    PARAMETER.lastIndex = at;
    const match = PARAMETER.exec(value);
    const name = match === null ? '' : match[1]!.toLowerCase();
    if (match === null || parameters.has(name)) return null;
    parameters.set(name, match[2] ?? match[3]!);
    at = PARAMETER.lastIndex;
  }
  return parameters;
}

function boundaryOf(contentType: string): string | null {
  const parameters = readParameters(contentType, 'multipart/form-data');
  const boundary = parameters?.get('boundary');
  if (!parameters || boundary === undefined || !BOUNDARY.test(boundary)) return null;
  const charset = parameters.get('charset');
  const known = charset === undefined ? 1 : /^utf-?8$/i.test(charset) ? 2 : 0;
  return parameters.size === known ? boundary : null;
}
