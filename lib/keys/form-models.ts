import { isUtf8 } from 'node:buffer';
import { type FormField, readForm } from '../wire/index.ts';
import { type NameKind, outerKind } from './model-names.ts';
import type { ModelStatements } from './model-statements.ts';

const PLAIN_TEXT = /^text\/plain[ \t]*(?:;[ \t]*charset="?(?:utf-?8|us-ascii)"?)?$/i;

/** Reads the models out of a form: the field `model`, and every other whose name says that it is one. */
export function readFormModels(body: Buffer, contentType: string, into: ModelStatements): void {
  const fields = readForm(body, contentType);
  if (fields === null) {
    into.fail('the form is not one that every reader sees alike');
    return;
  }
  if (fields.filter(({ name }) => name === 'model').length > 1) into.fail('model is stated twice');
  for (const field of fields) readField(body, field, into);
}

function readField(body: Buffer, field: FormField, into: ModelStatements): void {
  switch (fieldKind(field.name)) {
    case 'model':
      into.own(plainText(body, field, into));
      break;
    case 'further':
    case 'fallback':
      into.add(plainText(body, field, into));
      break;
    case 'models':
    case 'lookalike':
      into.fail('a field is called almost like model');
      break;
    case 'chooser':
      into.fail('something stored at the provider chooses the model');
  }
}

function plainText(
  body: Buffer,
  { isFile, contentType, start, end }: FormField,
  into: ModelStatements,
): string {
  const value = body.subarray(start, end);
  const isPlain = !isFile && (contentType === null || PLAIN_TEXT.test(contentType));
  if (!isPlain || !isUtf8(value)) into.fail('a field that names a model is not plain text');
  return value.toString('utf8');
}

/** `model[0]` is `model` to some readers, `mod%65l` to others, and `_charset_` changes what all fields say. */
function fieldKind(name: string): NameKind {
  if (name === '_charset_' || name.startsWith('=?') || name.includes('%')) return 'lookalike';
  const bracket = name.indexOf('[');
  const outer = bracket === -1 ? 'none' : outerKind(name.slice(0, bracket));
  return outer === 'model' || outer === 'models' ? 'lookalike' : outerKind(name);
}
